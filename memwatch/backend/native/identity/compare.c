/* Comparing two snapshots by going through both sets of marks at once, in order of address. See snapshot.h.
 *
 * No memory is needed for that but a few totals for each label, and no object is touched: the objects of either may be
 * long gone. What is at the same address with the same label in both survived, was replaced or is doubtful, as
 * survivors.c has found. Where the first snapshot was settled by another one than the second, it is doubtful at best.
 * The program may go on meanwhile: the GIL is released. */
#include "census/check.h"
#include "core/marks_two.h"
#include "identity/snapshot.h"

/* Of one label. */
typedef struct {
    uint64_t allocated;
    uint64_t freed;
    uint64_t doubtful;
    uint64_t by_hash; /* of those that were replaced, known by their hash alone */
} Change;

typedef struct {
    uint32_t label;
    uint64_t address;
    uint64_t before;
    uint64_t after;
} Growth;

typedef struct {
    const Snapshot *sides[2];
    size_t rows[2];
    size_t sizes[2];     /* places in `large` */
    uint64_t next_large; /* the address at the second side's place */
    uint32_t masks[2];   /* what of a row is the number */
    uint32_t *labels[2]; /* by the side's own numbers: numbers that both share */
    size_t known[2];
    bool settled; /* by the second one */
    Change *changes;
    Memory memory; /* its own: other threads go on meanwhile */
    Row grown; /* Growth */
    const char *wanted; /* by label: whether the addresses of those that came are; NULL: none */
    uint64_t *came;
    size_t came_count;
} Comparison;

/* One in which the tests let mappings fail as in the module's. */
static Memory
new_memory(PyObject *snapshot)
{
    return (Memory){.fail_after = ((State *)PyType_GetModuleState(Py_TYPE(snapshot)))->memory.fail_after};
}

/* ---- one object ---- */

static inline Verdict
verdict_of(const Comparison *comparison, size_t row)
{
    Verdict verdict = verdict_at(comparison->sides[0], row);
    return verdict == SURVIVED && !comparison->settled ? DOUBTFUL : verdict;
}

static void
find_next_large(Comparison *comparison)
{
    const Row *row = &comparison->sides[1]->large;
    size_t place = comparison->sizes[1];
    comparison->next_large = place < row->used ? ((const Large *)row->data)[place].address : UINT64_MAX;
}

/* The size that *side* kept of the object at *address*, or 0; addresses come in order. */
static uint64_t
large_size(Comparison *comparison, int side, uint64_t address)
{
    const Row *row = &comparison->sides[side]->large;
    const Large *all = (const Large *)row->data;
    size_t *place = &comparison->sizes[side];
    while (*place < row->used && all[*place].address < address)
        ++*place;
    return *place < row->used && all[*place].address == address ? all[*place].bytes : 0;
}

static bool
note_growth(Comparison *comparison, PyObject *object, uint32_t label)
{
    uint64_t address = (uint64_t)(uintptr_t)object;
    if (address < comparison->next_large)
        return true;
    uint64_t after = large_size(comparison, 1, address);
    find_next_large(comparison);
    uint64_t before = after ? large_size(comparison, 0, address) : 0;
    if (after <= before)
        return true;
    Growth *growth = row_add(&comparison->memory, &comparison->grown);
    if (growth)
        *growth = (Growth){.label = label, .address = address, .before = before, .after = after};
    return growth != NULL;
}

static void
note_arrival(Comparison *comparison, PyObject *object, uint32_t label)
{
    comparison->changes[label].allocated++;
    if (comparison->wanted && comparison->wanted[label])
        comparison->came[comparison->came_count++] = (uint64_t)(uintptr_t)object;
}

static bool
note_same_place(Comparison *comparison, PyObject *object, Verdict verdict, uint32_t label)
{
    Change *change = &comparison->changes[label];
    if (verdict == REPLACED || verdict == HASH_DIFFERS) {
        change->freed++;
        change->by_hash += verdict == HASH_DIFFERS;
        note_arrival(comparison, object, label);
        return true;
    }
    change->doubtful += verdict == DOUBTFUL;
    return note_growth(comparison, object, label);
}

static inline uint32_t
label_at(const Comparison *comparison, int side, size_t row)
{
    return comparison->labels[side][row_at(comparison->sides[side], row) & comparison->masks[side]];
}

static bool
note(Comparison *comparison, PyObject *object, size_t row, bool before, bool after)
{
    uint32_t old = before ? label_at(comparison, 0, row) : 0;
    uint32_t new = after ? label_at(comparison, 1, comparison->rows[1] - 1) : 0;
    if (before && after && old == new)
        return note_same_place(comparison, object, verdict_of(comparison, row), old);
    if (before)
        comparison->changes[old].freed++;
    if (after)
        note_arrival(comparison, object, new);
    return true;
}

/* Most objects are on both sides, survived and are not large: of those nothing is noted. */
ALWAYS_INLINE bool
compare_row(PyObject *object, bool before, bool after, void *arg)
{
    Comparison *comparison = arg;
    size_t row = comparison->rows[0], row_now = comparison->rows[1];
    comparison->rows[0] = row + before;
    comparison->rows[1] = row_now + after;
    if (before && after && (uintptr_t)object < comparison->next_large &&
        label_at(comparison, 0, row) == label_at(comparison, 1, row_now) && verdict_of(comparison, row) == SURVIVED)
        return true;
    return note(comparison, object, row, before, after);
}

/* ---- a comparison ---- */

/* A list of ints as a row of numbers below *limit*; NULL with an exception. */
static uint32_t *
read_labels(PyObject *list, size_t limit)
{
    Py_ssize_t length = PyList_GET_SIZE(list);
    uint32_t *labels = PyMem_Calloc((size_t)length + 1, sizeof(uint32_t));
    if (labels == NULL)
        PyErr_NoMemory();
    for (Py_ssize_t place = 0; labels && place < length; place++) {
        unsigned long label = PyLong_AsUnsignedLong(PyList_GET_ITEM(list, place));
        if (label >= limit) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "a number is larger than the number of labels");
            PyMem_Free(labels);
            return NULL;
        }
        labels[place] = (uint32_t)label;
    }
    return labels;
}

static bool
numbers_fit(const Snapshot *snapshot, size_t known)
{
    if (snapshot->largest < known || snapshot->rows == 0)
        return true;
    PyErr_SetString(PyExc_ValueError, "a type has no label");
    return false;
}

/* Read what both methods take, and compare; false with an exception. */
static bool
run(Comparison *made, PyObject *numbers[2], Py_ssize_t labels)
{
    made->grown.stride = sizeof(Growth);
    made->settled = made->sides[0]->settled_by == made->sides[1]->serial;
    made->changes = PyMem_Calloc((size_t)Py_MAX(labels, 0) + 1, sizeof(Change));
    if (made->changes == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (int side = 0; side < 2; side++) {
        made->masks[side] = number_in(made->sides[side], UINT32_MAX);
        made->known[side] = (size_t)PyList_GET_SIZE(numbers[side]);
        made->labels[side] = read_labels(numbers[side], (size_t)labels);
        if (made->labels[side] == NULL || !numbers_fit(made->sides[side], made->known[side]))
            return false;
    }
    find_next_large(made);
    bool good;
    Py_BEGIN_ALLOW_THREADS
    good = marks_each_of_two(&made->sides[0]->marks, &made->sides[1]->marks, compare_row, made);
    Py_END_ALLOW_THREADS
    return good || PyErr_NoMemory();
}

static void
end(Comparison *made)
{
    row_free(&made->memory, &made->grown);
    PyMem_Free(made->labels[0]);
    PyMem_Free(made->labels[1]);
    PyMem_Free(made->changes);
}

static PyObject *
list_changes(const Change *changes, size_t labels)
{
    PyObject *list = PyList_New((Py_ssize_t)labels);
    for (size_t place = 0; list && place < labels; place++) {
        const Change *change = &changes[place];
        PyObject *row = Py_BuildValue("(KKKK)", (unsigned long long)change->allocated,
                                      (unsigned long long)change->freed, (unsigned long long)change->doubtful,
                                      (unsigned long long)change->by_hash);
        if (row)
            PyList_SET_ITEM(list, (Py_ssize_t)place, row);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *
list_grown(const Row *grown)
{
    const Growth *all = (const Growth *)grown->data;
    PyObject *list = PyList_New((Py_ssize_t)grown->used);
    for (size_t place = 0; list && place < grown->used; place++) {
        PyObject *row = Py_BuildValue("(IKKK)", (unsigned int)all[place].label, (unsigned long long)all[place].address,
                                      (unsigned long long)all[place].before, (unsigned long long)all[place].after);
        if (row)
            PyList_SET_ITEM(list, (Py_ssize_t)place, row);
        else
            Py_CLEAR(list);
    }
    return list;
}

/* ---- the methods ---- */

const char snapshot_compare_doc[] =
    "compare(after, numbers, numbers_after, labels)\n--\n\n"
    "([(allocated, freed, doubtful, by_hash), ...] by label, [(label, address, before, after), ...] of\n"
    "what grew). The lists give the label of each type number. by_hash are known to be replaced by hash alone.";

PyObject *
snapshot_compare(PyObject *self, PyObject *args)
{
    PyObject *after, *numbers[2], *changes = NULL, *grown = NULL, *result = NULL;
    Py_ssize_t labels;
    if (!PyArg_ParseTuple(args, "O!O!O!n:compare", Py_TYPE(self), &after, &PyList_Type, &numbers[0], &PyList_Type,
                          &numbers[1], &labels))
        return NULL;
    Comparison made = {.sides = {(Snapshot *)self, (Snapshot *)after}, .memory = new_memory(self)};
    if (run(&made, numbers, labels) && (changes = list_changes(made.changes, (size_t)labels)) &&
        (grown = list_grown(&made.grown)))
        result = PyTuple_Pack(2, changes, grown);
    end(&made);
    Py_XDECREF(changes);
    Py_XDECREF(grown);
    return result;
}

const char snapshot_came_doc[] =
    "came(after, numbers, numbers_after, wanted, copy)\n--\n\n"
    "The addresses in *after*, in order, of what is known to have come since. *wanted* has a byte for each label:\n"
    "whether its objects are meant. copy(typecode, memoryview) makes the column, and keeps no view.";

PyObject *
snapshot_came(PyObject *self, PyObject *args)
{
    PyObject *after, *numbers[2], *wanted, *copy, *result = NULL;
    if (!PyArg_ParseTuple(args, "O!O!O!SO:came", Py_TYPE(self), &after, &PyList_Type, &numbers[0], &PyList_Type,
                          &numbers[1], &wanted, &copy))
        return NULL;
    Comparison made = {.sides = {(Snapshot *)self, (Snapshot *)after},
                       .memory = new_memory(self),
                       .wanted = PyBytes_AS_STRING(wanted)};
    size_t bytes = Py_MAX(made.sides[1]->rows, 1) * sizeof(uint64_t);
    made.came = memory_map(&made.memory, bytes);
    if (made.came == NULL)
        return PyErr_NoMemory();
    if (run(&made, numbers, PyBytes_GET_SIZE(wanted)))
        result = copied_addresses(copy, made.came, made.came_count);
    end(&made);
    memory_unmap(&made.memory, made.came, bytes);
    return result;
}
