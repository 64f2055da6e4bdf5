/* The chains of a search, sent by a forked child and taken up by its parent. See places.h.
 *
 * Nothing that the child names by its address may be touched in the parent without care: it may have been freed since.
 * Safe are the roots, which can be listed again without a walk. A chain whose first object is still held by a root
 * is given to Python with that object, and Python follows it from there over what each object refers to now. Of the
 * others, what C code or nothing holds, the types' labels have to do. */
#include "search/places.h"

#include <string.h>

typedef struct {
    uint32_t kind;
    uint32_t main_thread;
    uint32_t number; /* of a module */
    int32_t variable;
    uint32_t sum;
    uint32_t length; /* steps that come behind, the last object among them */
    uint64_t targets;
    uint64_t items;
    uint64_t bytes;
} SiteHead;

/* ---- the child ---- */

static uint32_t
root_of(const Search *search, uint32_t parent)
{
    while (!(parent & IS_ROOT))
        parent = node_parent(search, parent);
    return parent & ~IS_ROOT;
}

static void
send_place(const Search *search, Sender *sender, const Chain *chain, size_t number)
{
    const Label *label = label_at(search, chain->root);
    const Sum *sum = (Sum *)search->sums.data + chain->sum;
    const Step *steps = (Step *)search->links.data + chain->start;
    Step last = {(uintptr_t)chain->last, (uintptr_t)Py_TYPE(chain->last)};
    SiteHead place = {.kind = label->kind,
                      .main_thread = label->main_thread,
                      .number = label->number,
                      .variable = root_at(search, chain->root)->variable,
                      .sum = chain->sum,
                      .length = (uint32_t)chain->length + 1,
                      .targets = chain->is_branch ? 0 : sum->targets,
                      .items = sum->items,
                      .bytes = sum->bytes};
    send_head(sender, (Sent){.kind = A_PLACE}, sizeof(place) + place.length * sizeof(Step));
    send_more(sender, &place, sizeof(place));
    send_more(sender, steps, chain->length * sizeof(Step));
    send_more(sender, &last, sizeof(last));
    for (size_t step = 0; step < chain->length; step++)
        send_label(sender, (Sent){.kind = A_STEP, .number = number}, (PyTypeObject *)steps[step].type);
    send_label(sender, (Sent){.kind = A_STEP, .number = number}, (PyTypeObject *)last.type);
}

static PyTypeObject *
type_at(const Search *search, uint32_t place)
{
    for (size_t slot = 0; slot < search->walk.kinds.room; slot++)
        if (search->walk.kinds.slots[slot].type && search->walk.kinds.slots[slot].place == place)
            return search->walk.kinds.slots[slot].type;
    return NULL;
}

static void
send_counts(const Search *search, Sender *sender)
{
    const Sum *sums = (Sum *)search->sums.data;
    for (size_t slot = 0; slot < search->counts.room; slot++) {
        const Pointer *entry = &search->counts.slots[slot];
        uint64_t key = (uint64_t)(uintptr_t)entry->pointer;
        uint32_t sum = key ? search->sum_of[(key >> 24) - 1] : 0;
        if (key == 0 || !sums[sum].chosen)
            continue;
        Sent head = {.kind = A_COUNT, .count = (uint64_t)entry->number, .number = sum};
        send_label(sender, head, type_at(search, key & 0xFFFFFF));
    }
}

void
places_send(const Search *search, Sender *sender)
{
    Sent totals[ROOT_OWN + 1] = {{0}};
    for (size_t place = 0; place < search->groups.used; place++) {
        const Group *group = (Group *)search->groups.data + place;
        Sent *total = &totals[label_at(search, root_of(search, group->latest_parent))->kind];
        total->count += group->items;
        total->bytes += group->bytes;
    }
    for (size_t place = 0; place < search->chains.used; place++)
        send_place(search, sender, (Chain *)search->chains.data + place, place);
    send_counts(search, sender);
    for (RootKind kind = 0; kind < ROOT_OWN; kind++) {
        totals[kind].kind = A_TOTAL;
        totals[kind].number = kind;
        send_head(sender, totals[kind], 0);
    }
}

/* ---- the parent: no Python object is made before what is named is held ---- */

typedef struct {
    SiteHead place;
    const char *steps;
    const Root *root; /* held, or NULL */
    PyObject *labels;
    PyObject *counts; /* of its sum */
} Received;

static bool
list_roots(Search *search, PyObject *modules)
{
    bool good = true;
    search->silent = true;
    for (Py_ssize_t place = 0; good && place < PyList_GET_SIZE(modules); place++)
        good = search_label(search, (Label){.kind = ROOT_MODULE, .number = (uint32_t)place}) &&
               search_root(search, PyList_GET_ITEM(modules, place), NO_VARIABLE);
    return good && search_threads(search, false);
}

static bool
is_same(const Search *search, const Root *root, const SiteHead *place, Step first)
{
    const Label *label = (Label *)search->labels.data + root->label;
    return label->kind == place->kind && (uintptr_t)root->object == first.address &&
           (uintptr_t)Py_TYPE(root->object) == first.type && root->variable == place->variable &&
           (label->kind != ROOT_MODULE || label->number == place->number);
}

static const Root *
find_root(const Search *search, const Received *received)
{
    Step first;
    memcpy(&first, received->steps, sizeof(first));
    for (size_t place = 0; place < search->roots.used; place++) {
        const Root *root = (Root *)search->roots.data + place;
        if (is_same(search, root, &received->place, first))
            return root;
    }
    return NULL;
}

static void
each_held(const Search *search, const Row *places, void (*act)(PyObject *))
{
    for (size_t number = 0; number < places->used; number++) {
        const Root *root = ((Received *)places->data)[number].root;
        if (root == NULL)
            continue;
        const Label *label = (Label *)search->labels.data + root->label;
        act(root->object);
        act(label->code);
        act(label->globals);
    }
}

static bool
read_places(Search *search, const Answer *answer, Row *places)
{
    Sent sent;
    const char *text;
    for (size_t at = 0; answer_next(answer, &at, &sent, &text);) {
        if (sent.kind != A_PLACE)
            continue;
        Received *received = row_add(search->walk.memory, places);
        if (received == NULL)
            return PyErr_NoMemory();
        *received = (Received){.steps = text + sizeof(SiteHead)};
        memcpy(&received->place, text, sizeof(SiteHead));
        received->root = find_root(search, received);
    }
    return true;
}

/* ---- the parent: Python objects ---- */

static bool
make_lists(const Row *places)
{
    Received *all = (Received *)places->data;
    for (size_t number = 0; number < places->used; number++) {
        all[number].labels = PyList_New(0);
        for (size_t other = 0; other < number && all[number].counts == NULL; other++)
            if (all[other].place.sum == all[number].place.sum)
                all[number].counts = Py_NewRef(all[other].counts);
        if (all[number].counts == NULL)
            all[number].counts = PyList_New(0);
        if (all[number].labels == NULL || all[number].counts == NULL)
            return false;
    }
    return true;
}

static PyObject *
counts_of(const Row *places, uint64_t sum)
{
    for (size_t number = 0; number < places->used; number++)
        if (((Received *)places->data)[number].place.sum == sum)
            return ((Received *)places->data)[number].counts;
    return NULL;
}

static bool
append(PyObject *list, PyObject *item)
{
    bool good = item && PyList_Append(list, item) == 0;
    Py_XDECREF(item);
    return good;
}

/* The labels of chains and counts, and the totals. */
static bool
read_labels(const Answer *answer, const Row *places, PyObject *totals)
{
    Sent sent;
    const char *text;
    bool good = true;
    for (size_t at = 0; good && answer_next(answer, &at, &sent, &text);) {
        unsigned long long count = sent.count, bytes = sent.bytes;
        if (sent.kind == A_STEP && sent.number < places->used)
            good = append(((Received *)places->data)[sent.number].labels,
                          PyUnicode_DecodeUTF8(text, (Py_ssize_t)sent.length, "surrogatepass"));
        else if (sent.kind == A_COUNT) {
            PyObject *label = PyUnicode_DecodeUTF8(text, (Py_ssize_t)sent.length, "surrogatepass");
            PyObject *counts = counts_of(places, sent.number);
            good = label && counts && append(counts, Py_BuildValue("(OK)", label, count));
            Py_XDECREF(label);
        } else if (sent.kind == A_TOTAL)
            good = append(totals, Py_BuildValue("(IKK)", (unsigned int)sent.number, count, bytes));
    }
    return good;
}

static PyObject *
tell_root(const Search *search, const Received *received)
{
    const SiteHead *place = &received->place;
    const Label *label = received->root ? (Label *)search->labels.data + received->root->label : NULL;
    PyObject *code = label ? label->code : NULL, *globals = label ? label->globals : NULL, *name;
    if (place->variable >= 0 && code)
        name = Py_NewRef(PyTuple_GET_ITEM(((PyCodeObject *)code)->co_localsplusnames, place->variable));
    else
        name = PyLong_FromLong(place->variable);
    return name ? Py_BuildValue("(iiIOON)", (int)place->kind, (int)place->main_thread, (unsigned int)place->number,
                                code ? code : Py_None, globals ? globals : Py_None, name)
                : NULL;
}

/* Two strings of bytes, with the addresses and with the types of a chain's objects. */
static PyObject *
tell_steps(const Received *received, bool types)
{
    PyObject *made = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(received->place.length * sizeof(uint64_t)));
    for (size_t place = 0; made && place < received->place.length; place++) {
        Step step;
        memcpy(&step, received->steps + place * sizeof(step), sizeof(step));
        uint64_t word = types ? step.type : step.address;
        memcpy(PyBytes_AS_STRING(made) + place * sizeof(word), &word, sizeof(word));
    }
    return made;
}

static PyObject *
tell_places(const Search *search, const Row *places)
{
    PyObject *rows = PyList_New(0);
    for (size_t number = 0; rows && number < places->used; number++) {
        const Received *received = (Received *)places->data + number;
        const SiteHead *place = &received->place;
        PyObject *row = Py_BuildValue("(NONNOKKKO)", tell_root(search, received),
                                      received->root ? received->root->object : Py_None, tell_steps(received, false),
                                      tell_steps(received, true), received->labels, (unsigned long long)place->targets,
                                      (unsigned long long)place->items, (unsigned long long)place->bytes,
                                      received->counts);
        if (!append(rows, row))
            Py_CLEAR(rows);
    }
    return rows;
}

PyObject *
places_receive(Search *search, PyObject *modules, const Answer *answer)
{
    Row places = {.stride = sizeof(Received)};
    PyObject *totals = NULL, *rows = NULL;
    if (!list_roots(search, modules))
        return PyErr_NoMemory();
    bool good = read_places(search, answer, &places);
    each_held(search, &places, Py_IncRef);
    good = good && (totals = PyList_New(0)) && make_lists(&places) && read_labels(answer, &places, totals);
    if (good)
        rows = tell_places(search, &places);
    each_held(search, &places, Py_DecRef);
    for (size_t number = 0; number < places.used; number++) {
        Py_XDECREF(((Received *)places.data)[number].labels);
        Py_XDECREF(((Received *)places.data)[number].counts);
    }
    row_free(search->walk.memory, &places);
    PyObject *pair = rows && totals ? PyTuple_Pack(2, rows, totals) : NULL;
    Py_XDECREF(rows);
    Py_XDECREF(totals);
    return pair;
}
