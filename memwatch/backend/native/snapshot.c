/* Taking an identity snapshot, looking into it, and comparing two. See snapshot.h.
 *
 * Two snapshots are compared by going through both sets of marks at once, in order of address. No memory is needed
 * for that but three totals for each type, and no object is touched: the objects of the first may be long gone. That
 * the same type is found at the same address twice does not prove that it is the same object. */
#include "snapshot.h"

#define NARROW 65536 /* numbers that fit in 16 bits */

static inline uint32_t
number_at(const Snapshot *snapshot, size_t row)
{
    return snapshot->wide ? ((uint32_t *)snapshot->numbers)[row] : ((uint16_t *)snapshot->numbers)[row];
}

static size_t
number_size(const Snapshot *snapshot)
{
    return snapshot->wide ? sizeof(uint32_t) : sizeof(uint16_t);
}

/* ---- taking one ---- */

typedef struct {
    Snapshot *made;
    Walk *walk;
    size_t row;
} Filling;

static bool
fill_row(PyObject *object, void *arg)
{
    Filling *filling = arg;
    const Kind *kind = kinds_find(&filling->walk->kinds, Py_TYPE(object));
    if (kind == NULL || filling->row == filling->made->rows)
        return false;
    if (filling->made->wide)
        ((uint32_t *)filling->made->numbers)[filling->row++] = kind->place;
    else
        ((uint16_t *)filling->made->numbers)[filling->row++] = (uint16_t)kind->place;
    return true;
}

bool
snapshot_fill(Snapshot *made, Walk *walk)
{
    made->wide = walk->kinds.used > NARROW;
    made->rows = marks_count(&walk->marks);
    made->numbers = memory_map(walk->memory, Py_MAX(made->rows, 1) * number_size(made));
    if (made->numbers == NULL)
        return false;
    Filling filling = {.made = made, .walk = walk};
    bool filled = marks_each(&walk->marks, fill_row, &filling);
    size_t moved = walk->marks.pool.counted + Py_MAX(made->rows, 1) * number_size(made);
    made->marks = walk->marks;
    made->memory = (Memory){.now = moved, .peak = moved, .fail_after = -1};
    walk->marks = (Marks){0};
    walk->memory->now -= moved;
    return filled && filling.row == made->rows;
}

static void
snapshot_dealloc(PyObject *self)
{
    Snapshot *snapshot = (Snapshot *)self;
    PyTypeObject *type = Py_TYPE(self);
    memory_unmap(&snapshot->memory, snapshot->numbers, Py_MAX(snapshot->rows, 1) * number_size(snapshot));
    marks_free(&snapshot->memory, &snapshot->marks);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- looking into one ---- */

static Py_ssize_t
snapshot_length(PyObject *self)
{
    return (Py_ssize_t)((Snapshot *)self)->rows;
}

PyDoc_STRVAR(nbytes_doc, "The memory that it keeps, in bytes.");

static PyObject *
snapshot_nbytes(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(((Snapshot *)self)->memory.now);
}

PyDoc_STRVAR(number_doc, "number(address)\n--\n\nThe number of the type that an object at *address* had, or None.");

static PyObject *
snapshot_number(PyObject *self, PyObject *address)
{
    Snapshot *snapshot = (Snapshot *)self;
    void *wanted = PyLong_AsVoidPtr(address);
    if (PyErr_Occurred())
        return NULL;
    if ((uintptr_t)wanted & 7 || !marks_has(&snapshot->marks, wanted))
        Py_RETURN_NONE;
    return PyLong_FromUnsignedLong(number_at(snapshot, marks_rank(&snapshot->marks, (uintptr_t)wanted)));
}

/* ---- comparing two ---- */

typedef struct {
    uint64_t allocated;
    uint64_t freed;
    uint64_t stayed;
} Change;

typedef struct {
    const Snapshot *sides[2];
    size_t rows[2];
    uint32_t *labels[2]; /* by the side's own numbers: numbers that both share */
    size_t known[2];
    Change *changes;
} Comparison;

static bool
compare_row(bool before, bool after, void *arg)
{
    Comparison *comparison = arg;
    uint32_t old = 0, new = 0;
    if (before)
        old = comparison->labels[0][number_at(comparison->sides[0], comparison->rows[0]++)];
    if (after)
        new = comparison->labels[1][number_at(comparison->sides[1], comparison->rows[1]++)];
    if (before && after && old == new) {
        comparison->changes[old].stayed++;
        return true;
    }
    comparison->changes[old].freed += before;
    comparison->changes[new].allocated += after;
    return true;
}

/* A list of ints as a row of numbers below *limit*; NULL with an exception. */
static uint32_t *
read_labels(PyObject *list, size_t limit)
{
    Py_ssize_t length = PyList_Check(list) ? PyList_GET_SIZE(list) : -1;
    uint32_t *labels = length < 0 ? NULL : PyMem_Calloc((size_t)length + 1, sizeof(uint32_t));
    if (labels == NULL)
        return length < 0 ? (PyErr_SetString(PyExc_TypeError, "numbers come in a list"), NULL)
                          : (PyErr_NoMemory(), NULL);
    for (Py_ssize_t place = 0; place < length; place++) {
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
    for (size_t row = 0; row < snapshot->rows; row++)
        if (number_at(snapshot, row) >= known) {
            PyErr_SetString(PyExc_ValueError, "a type has no label");
            return false;
        }
    return true;
}

static PyObject *
list_changes(const Change *changes, size_t labels)
{
    PyObject *list = PyList_New((Py_ssize_t)labels);
    for (size_t place = 0; list && place < labels; place++) {
        PyObject *row = Py_BuildValue("(KKK)", (unsigned long long)changes[place].allocated,
                                      (unsigned long long)changes[place].freed,
                                      (unsigned long long)changes[place].stayed);
        if (row)
            PyList_SET_ITEM(list, (Py_ssize_t)place, row);
        else
            Py_CLEAR(list);
    }
    return list;
}

PyDoc_STRVAR(compare_doc, "compare(after, numbers, numbers_after, labels)\n--\n\n"
                          "[(allocated, freed, stayed), ...] by label. The lists give the label of each type number.");

static PyObject *
snapshot_compare(PyObject *self, PyObject *args)
{
    PyObject *after, *numbers, *numbers_after, *result = NULL;
    Py_ssize_t labels;
    if (!PyArg_ParseTuple(args, "O!O!O!n:compare", Py_TYPE(self), &after, &PyList_Type, &numbers, &PyList_Type,
                          &numbers_after, &labels))
        return NULL;
    Comparison made = {.sides = {(Snapshot *)self, (Snapshot *)after},
                       .known = {(size_t)PyList_GET_SIZE(numbers), (size_t)PyList_GET_SIZE(numbers_after)}};
    made.changes = PyMem_Calloc((size_t)Py_MAX(labels, 0) + 1, sizeof(Change));
    if (made.changes == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    if ((made.labels[0] = read_labels(numbers, (size_t)labels)) == NULL ||
        (made.labels[1] = read_labels(numbers_after, (size_t)labels)) == NULL ||
        !numbers_fit(made.sides[0], made.known[0]) || !numbers_fit(made.sides[1], made.known[1]))
        goto done;
    marks_each_of_two(&made.sides[0]->marks, &made.sides[1]->marks, compare_row, &made);
    result = list_changes(made.changes, (size_t)labels);
done:
    PyMem_Free(made.labels[0]);
    PyMem_Free(made.labels[1]);
    PyMem_Free(made.changes);
    return result;
}

/* ---- the type ---- */

static PyMethodDef methods[] = {
    {"number", snapshot_number, METH_O, number_doc},
    {"compare", snapshot_compare, METH_VARARGS, compare_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"nbytes", snapshot_nbytes, NULL, nbytes_doc, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, snapshot_dealloc},
    {Py_sq_length, snapshot_length},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "memwatch.backend._native.Snapshot",
    .basicsize = sizeof(Snapshot),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

PyObject *
snapshot_type(PyObject *module)
{
    return PyType_FromModuleAndSpec(module, &spec, NULL);
}
