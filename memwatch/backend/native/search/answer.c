/* What Python gets of a search. See search.h.
 *
 * As in a census, what the answer names gets a reference before the first Python object is made: from there on a
 * collection may run. Of each chain that is its first object and its last, and the code and namespace of a running
 * function. The objects between them are named by address and type alone. */
#include "search/search.h"

#include "census/result.h"

#include <string.h>

const char search_doc[] =
    "search(request)\n--\n\n"
    "[(root, first, last, addresses, types, targets, items, bytes, [(type, count), ...]), ...], None while the\n"
    "collector is at work. A root is (kind, main thread?, number, code, globals, variable). request.c says what a\n"
    "request is.";

const char held_doc[] = "held(holder, address, type, alike, array_type)\n--\n\n"
                        "What *holder* refers to at that address and of the type at that one, or with *alike* another\n"
                        "one of that type, or None.";

const char untracked_referents_doc[] =
    "untracked_referents(holder, array_type)\n--\n\nWhat a code object or an array holds.";

/* ---- the walk ---- */

static bool
walk_modules(Search *search)
{
    bool good = true;
    for (Py_ssize_t place = 0; good && place < PyList_GET_SIZE(search->modules); place++)
        good = search_label(search, (Label){.kind = ROOT_MODULE, .number = (uint32_t)place}) &&
               search_root(search, PyList_GET_ITEM(search->modules, place), NO_VARIABLE);
    return good && search_run(search);
}

/* What is near to the modules given, or without any to what threads hold. */
static bool
walk_near(Search *search)
{
    bool good = walk_modules(search);
    if (PyList_GET_SIZE(search->modules) == 0)
        good = good && search_threads(search, false) && search_run(search);
    return good && chains_fill(search, search->named);
}

bool
search_walk(Search *search, const GCState *collector)
{
    if (search->near)
        return walk_near(search);
    bool good = walk_modules(search) && search_threads(search, false) && search_run(search) && search_late(search) &&
                search_own(search);
    bool found = search->mode == NEW_WANTED && search->groups.used && search->named == 1 && search->branches == 0;
    good = good && (found || search_unreached(search, collector));
    return good && chains_fill(search, search->named) &&
           (search->branches == 0 || branches_fill(search, search->branches));
}

/* ---- the answer ---- */

static void
each_named(Search *search, void (*act)(PyObject *))
{
    for (size_t place = 0; place < search->chains.used; place++) {
        const Chain *chain = (Chain *)search->chains.data + place;
        const Label *label = label_at(search, chain->root);
        act(chain->first);
        act(chain->last);
        act(label->code);
        act(label->globals);
    }
}

static PyObject *
tell_root(const Search *search, const Chain *chain)
{
    const Label *label = label_at(search, chain->root);
    int32_t variable = root_at(search, chain->root)->variable;
    PyObject *name = NULL;
    if (variable >= 0 && label->code)
        name = Py_NewRef(PyTuple_GET_ITEM(((PyCodeObject *)label->code)->co_localsplusnames, variable));
    else
        name = PyLong_FromLong(variable);
    return name ? Py_BuildValue("(iiIOON)", (int)label->kind, label->main_thread, (unsigned int)label->number,
                                label->code ? label->code : Py_None, label->globals ? label->globals : Py_None, name)
                : NULL;
}

/* Two strings of bytes, with the addresses and with the types of a chain's objects. */
static PyObject *
tell_links(const Search *search, const Chain *chain, bool types)
{
    PyObject *made = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(chain->length * sizeof(uint64_t)));
    const Step *steps = (Step *)search->links.data + chain->start;
    for (size_t place = 0; made && place < chain->length; place++) {
        uint64_t word = types ? steps[place].type : steps[place].address;
        memcpy(PyBytes_AS_STRING(made) + place * sizeof(word), &word, sizeof(word));
    }
    return made;
}

/* The types met, by the number that the walk gave them; borrowed. */
static PyTypeObject **
types_by_place(const Kinds *kinds)
{
    PyTypeObject **types = PyMem_Calloc(kinds->used + 1, sizeof(PyTypeObject *));
    for (size_t slot = 0; types && slot < kinds->room; slot++)
        if (kinds->slots[slot].type)
            types[kinds->slots[slot].place] = kinds->slots[slot].type;
    return types;
}

/* Lists of (type, count), one for each sum that is chosen; a type may come up more than once. */
static bool
fill_counts(const Search *search, PyObject **lists)
{
    PyTypeObject **types = types_by_place(&search->walk.kinds);
    bool good = types || PyErr_NoMemory();
    for (size_t slot = 0; good && slot < search->counts.room; slot++) {
        const Pointer *entry = &search->counts.slots[slot];
        uint64_t key = (uint64_t)(uintptr_t)entry->pointer;
        PyObject *list = key ? lists[search->sum_of[(key >> 24) - 1]] : NULL;
        if (list == NULL)
            continue;
        PyObject *pair = Py_BuildValue("(On)", (PyObject *)types[key & 0xFFFFFF], entry->number);
        good = pair && PyList_Append(list, pair) == 0;
        Py_XDECREF(pair);
    }
    PyMem_Free(types);
    return good;
}

/* Add what the C methods tell beyond what the walk has counted. */
static void
finish_sizes(Search *search)
{
    for (size_t place = 0; place < search->walk.later.used; place++) {
        Later later = ((Later *)search->walk.later.data)[place];
        Sum *sum = (Sum *)search->sums.data + search->sum_of[later.row];
        Kind *kind = sum->chosen ? kinds_find(&search->walk.kinds, Py_TYPE(later.object)) : NULL;
        if (kind)
            sum->bytes += (uint64_t)(size_by_method(kind, later.object) - size_unasked(kind, later.object));
    }
}

static PyObject *
tell_chain(const Search *search, const Chain *chain, PyObject *counts)
{
    const Sum *sum = (Sum *)search->sums.data + chain->sum;
    return Py_BuildValue("(NOONNKKKO)", tell_root(search, chain), chain->first ? chain->first : Py_None, chain->last,
                         tell_links(search, chain, false), tell_links(search, chain, true),
                         (unsigned long long)(chain->is_branch ? 0 : sum->targets), (unsigned long long)sum->items,
                         (unsigned long long)sum->bytes, counts);
}

static PyObject *
tell(Search *search)
{
    size_t count = search->sums.used;
    PyObject **lists = PyMem_Calloc(count + 1, sizeof(PyObject *)), *answer = PyList_New(0);
    bool good = lists && answer;
    for (size_t place = 0; good && place < count; place++)
        if (((Sum *)search->sums.data)[place].chosen)
            good = (lists[place] = PyList_New(0)) != NULL;
    good = good && fill_counts(search, lists);
    for (size_t place = 0; good && place < search->chains.used; place++) {
        const Chain *chain = (Chain *)search->chains.data + place;
        PyObject *row = tell_chain(search, chain, lists[chain->sum]);
        good = row && PyList_Append(answer, row) == 0;
        Py_XDECREF(row);
    }
    for (size_t place = 0; lists && place < count; place++)
        Py_XDECREF(lists[place]);
    PyMem_Free(lists);
    if (!good)
        Py_CLEAR(answer);
    return answer;
}

static PyObject *
answer(Search *search)
{
    each_named(search, Py_IncRef);
    result_hold(&search->walk);
    search_free_walk(search);
    finish_sizes(search);
    PyObject *rows = tell(search);
    result_let_go(&search->walk);
    each_named(search, Py_DecRef);
    return rows;
}

PyObject *
search_call(State *state, PyObject *request)
{
    Search search = {0};
    Pointers own = {0};
    PyObject *result = NULL;
    if (!search_prepare(&search, state, request, &own))
        goto done;
    if (state->collector.behind->collecting)
        result = Py_NewRef(Py_None);
    else if (search_walk(&search, &state->collector))
        result = answer(&search);
    else
        PyErr_NoMemory();
done:
    search_free(&search);
    pointers_free(&state->memory, &own);
    return result;
}

static int
append(PyObject *object, void *list)
{
    return PyList_Append(((Search *)list)->listed, object);
}

PyObject *
untracked_referents_call(PyObject *const *args, Py_ssize_t given)
{
    if (given != 2 || !PyType_Check(args[1]))
        return PyErr_Format(PyExc_TypeError, "an object and the type of arrays are needed");
    Search search = {.array_type = (PyTypeObject *)args[1], .listed = PyList_New(0)};
    if (search.listed && is_untracked_holder(search.array_type, Py_TYPE(args[0])))
        follow_hollow(args[0], append, &search);
    return search.listed;
}

/* ---- one link of a chain, tried again ---- */

#define TRIED 1000 /* objects, for one of the type */

typedef struct {
    Search search; /* first, because the visitprocs are given this */
    const void *wanted;
    const void *type;
    PyObject *found;
    PyObject *alike;
    Py_ssize_t items; /* that it has */
    size_t tried;
} HeldLink;

/* How many items a container has; 0 for anything else. */
static Py_ssize_t
items_of(PyObject *object)
{
    if (PyDict_Check(object))
        return ((PyDictObject *)object)->ma_used;
    if (PyAnySet_Check(object))
        return ((PySetObject *)object)->used;
    return PyList_Check(object) || PyTuple_Check(object) ? Py_SIZE(object) : 0;
}

static int
try_link(PyObject *object, void *arg)
{
    HeldLink *link = arg;
    if (object && object == link->wanted && Py_TYPE(object) == link->type)
        link->found = object;
    else if (object && link->tried++ < TRIED && Py_TYPE(object) == link->type && items_of(object) >= link->items) {
        link->alike = object;
        link->items = items_of(object);
    }
    return link->found ? -1 : 0;
}

PyObject *
held_call(State *state, PyObject *const *args, Py_ssize_t given)
{
    if (given != 5)
        return PyErr_Format(PyExc_TypeError, "5 arguments are needed, not %zd", given);
    HeldLink link = {.wanted = PyLong_AsVoidPtr(args[1]), .type = PyLong_AsVoidPtr(args[2])};
    Search *search = &link.search;
    Pointers none = {0};
    if (PyErr_Occurred())
        return NULL;
    search->array_type = PyType_Check(args[4]) ? (PyTypeObject *)args[4] : NULL;
    bool good = walk_begin(&search->walk, &state->memory, &state->measures, &none, &none);
    if (!good || !kind_of(&search->walk, args[0]))
        PyErr_NoMemory();
    else
        search_follow(search, args[0], try_link);
    PyObject *found = link.found || args[3] != Py_True ? link.found : link.alike;
    found = PyErr_Occurred() ? NULL : Py_NewRef(found ? found : Py_None);
    walk_free(&search->walk);
    return found;
}
