/* Taking an identity snapshot, and looking into it. See snapshot.h.
 *
 * No Python object is made before it is whole: the walk's objects are only borrowed. */
#include "identity/snapshot.h"

#include "census/check.h"
#include "identity/immutable_holders.h"
#include "identity/content_hash.h"

#include <string.h>

#define NARROW 65536 /* numbers that fit in 16 bits */

static uint64_t last_serial; /* of all interpreters */

static size_t
number_size(const Snapshot *snapshot)
{
    return snapshot->wide ? sizeof(uint32_t) : sizeof(uint16_t);
}

/* ---- taking one ---- */

/* Note the large ones among what the walk left for later. */
static bool
note_measured(Walk *walk)
{
    for (size_t place = 0; place < walk->later.used; place++) {
        PyObject *object = ((Later *)walk->later.data)[place].object;
        const Kind *kind = kinds_find(&walk->kinds, Py_TYPE(object));
        Py_ssize_t buffers = kind ? known_buffers(kind, object) : 0;
        Py_ssize_t bytes = buffers ? size_of(kind, object) + buffers : 0;
        Pointer *entry = bytes < LARGE ? NULL : pointers_enter(walk->memory, &walk->large, object);
        if (entry)
            entry->number = bytes;
        else if (bytes >= LARGE)
            return false;
    }
    return true;
}

typedef struct {
    Snapshot *made;
    Walk *walk;
    Marks young;
    size_t row;
} Filling;

static bool
list_young(Filling *filling, const GCState *collector)
{
    if (!marks_begin(filling->walk->memory, &filling->young))
        return false;
    for (int young = 0; young < 2; young++) {
        GCHead *head = &collector->generations[young].head;
        for (GCHead *link = (GCHead *)head->next; link != head; link = (GCHead *)link->next)
            if (marks_add(filling->walk->memory, &filling->young, OBJECT_OF(link)) < 0)
                return false;
    }
    return true;
}

static ObjectState
state_of(const Filling *filling, const Kind *kind, PyObject *object)
{
    if (is_tracked(kind, object))
        return marks_has(&filling->young, object) ? STATE_YOUNG : STATE_OLD;
    return is_permanent(object) ? STATE_PERMANENT : STATE_UNTRACKED;
}

/* State and hash, to stand above the number. */
static uint32_t
describe(const Filling *filling, const Kind *kind, PyObject *object)
{
    uint32_t hash = (uint32_t)(content_hash(object) >> (64 - hash_bits(filling->made)));
    return (hash << 2 | (uint32_t)state_of(filling, kind, object)) << filling->made->number_bits;
}

static bool
note_size(const Filling *filling, PyObject *object)
{
    const Pointer *entry = pointers_find(&filling->walk->large, object);
    if (entry == NULL)
        return true;
    Large *large = row_add(filling->walk->memory, &filling->made->large);
    if (large)
        *large = (Large){.address = (uint64_t)(uintptr_t)object, .bytes = (uint64_t)entry->number};
    return large != NULL;
}

static bool
fill_row(PyObject *object, void *arg)
{
    Filling *filling = arg;
    Snapshot *made = filling->made;
    const Kind *kind = kinds_find(&filling->walk->kinds, Py_TYPE(object));
    if (kind == NULL || filling->row == made->rows)
        return false;
    uint32_t row = kind->place;
    made->largest = Py_MAX(made->largest, row);
    if (made->number_bits)
        row |= describe(filling, kind, object);
    if (made->wide)
        ((uint32_t *)made->numbers)[filling->row++] = row;
    else
        ((uint16_t *)made->numbers)[filling->row++] = (uint16_t)row;
    return !(grows(kind) || kind->rule == SIZE_MEASURED) || note_size(filling, object);
}

static bool
list_holders(Snapshot *made, Walk *walk)
{
    made->kinds = walk->kinds.used;
    made->holders = memory_map(walk->memory, Py_MAX(made->kinds, 1));
    for (size_t slot = 0; made->holders && slot < walk->kinds.room; slot++)
        if (walk->kinds.slots[slot].type)
            made->holders[walk->kinds.slots[slot].place] = is_holder(walk->kinds.slots[slot].type);
    return made->holders != NULL;
}

static int
bits_for(size_t numbers)
{
    int bits = 1;
    while (numbers >> bits)
        bits++;
    return bits;
}

void
snapshot_count(Snapshot *made)
{
    made->serial = __atomic_add_fetch(&last_serial, 1, __ATOMIC_RELAXED);
}

bool
snapshot_fill(Snapshot *made, Walk *walk, const GCState *collector, bool hashes)
{
    Filling filling = {.made = made, .walk = walk};
    Memory *memory = walk->memory;
    made->large.stride = sizeof(Large);
    made->rows = marks_count(&walk->marks);
    made->number_bits = hashes && !TRACES_BIRTHS ? bits_for(walk->kinds.used) : 0;
    made->wide = made->number_bits || walk->kinds.used > NARROW;
    made->numbers = memory_map(memory, Py_MAX(made->rows, 1) * number_size(made));
    bool filled = made->numbers && note_measured(walk) &&
                  (!made->number_bits || (list_young(&filling, collector) && list_holders(made, walk))) &&
                  marks_each(&walk->marks, fill_row, &filling) && filling.row == made->rows;
    marks_free(memory, &filling.young);
    size_t moved = walk->marks.pool.counted + made->large.room * sizeof(Large);
    if (made->numbers)
        moved += Py_MAX(made->rows, 1) * number_size(made);
    if (made->holders)
        moved += Py_MAX(made->kinds, 1);
    made->marks = walk->marks;
    made->memory = (Memory){.now = moved, .peak = moved, .fail_after = -1};
    snapshot_count(made);
    walk->marks = (Marks){0};
    memory->now -= moved;
    return filled;
}

static void
snapshot_dealloc(PyObject *self)
{
    Snapshot *snapshot = (Snapshot *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (snapshot->epoch)
        births_end(snapshot->epoch);
    memory_unmap(&snapshot->memory, snapshot->numbers, Py_MAX(snapshot->rows, 1) * number_size(snapshot));
    memory_unmap(&snapshot->memory, snapshot->verdicts, verdicts_size(snapshot));
    memory_unmap(&snapshot->memory, snapshot->holders, Py_MAX(snapshot->kinds, 1));
    row_free(&snapshot->memory, &snapshot->large);
    row_free(&snapshot->memory, &snapshot->starts);
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
    Row *starts = &snapshot->starts;
    if (starts->used == 0 && !marks_starts(&snapshot->memory, &snapshot->marks, starts)) {
        row_free(&snapshot->memory, starts);
        return PyErr_NoMemory();
    }
    return PyLong_FromUnsignedLong(number_at(snapshot, marks_rank(&snapshot->marks, starts, (uintptr_t)wanted)));
}

PyObject *
copied_addresses(PyObject *copy, const uint64_t *addresses, size_t count)
{
    PyObject *made = NULL;
    Py_ssize_t bytes = (Py_ssize_t)(count * sizeof(uint64_t));
    PyObject *view = PyMemoryView_FromMemory((char *)addresses, bytes, PyBUF_READ);
    if (view)
        made = PyObject_CallFunction(copy, "sO", "Q", view);
    Py_XDECREF(view);
    return made;
}

typedef struct {
    const Snapshot *snapshot;
    uint64_t *addresses;
    size_t row;
    size_t count;
} Addresses;

static bool
add_address(PyObject *object, void *arg)
{
    Addresses *made = arg;
    Verdict verdict = verdict_at(made->snapshot, made->row++);
    if (verdict != REPLACED && verdict != HASH_DIFFERS)
        made->addresses[made->count++] = (uint64_t)(uintptr_t)object;
    return true;
}

PyDoc_STRVAR(addresses_doc, "addresses(copy)\n--\n\n"
                            "The objects' addresses in order, without those that are known to have been replaced;\n"
                            "made by copy(typecode, memoryview), which keeps no view.");

static PyObject *
snapshot_addresses(PyObject *self, PyObject *copy)
{
    Snapshot *snapshot = (Snapshot *)self;
    Memory *memory = &((State *)PyType_GetModuleState(Py_TYPE(self)))->memory;
    size_t bytes = Py_MAX(snapshot->rows, 1) * sizeof(uint64_t);
    Addresses made = {.snapshot = snapshot, .addresses = memory_map(memory, bytes)};
    if (made.addresses == NULL)
        return PyErr_NoMemory();
    marks_each(&snapshot->marks, add_address, &made);
    PyObject *result = copied_addresses(copy, made.addresses, made.count);
    memory_unmap(memory, made.addresses, bytes);
    return result;
}

PyDoc_STRVAR(release_doc, "release()\n--\n\nWatch births no longer; once is enough.");

static PyObject *
snapshot_release(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    Snapshot *snapshot = (Snapshot *)self;
    Epoch *epoch = snapshot->epoch;
    snapshot->epoch = NULL;
    if (epoch)
        births_end(epoch);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(bits_doc, "The bits that are kept of a hash, or 0: one in two to that power is the same by chance.");

static PyObject *
snapshot_bits(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(hash_bits((Snapshot *)self));
}

/* ---- the type ---- */

static PyMethodDef methods[] = {
    {"number", snapshot_number, METH_O, number_doc},
    {"compare", snapshot_compare, METH_VARARGS, snapshot_compare_doc},
    {"came", snapshot_came, METH_VARARGS, snapshot_came_doc},
    {"addresses", snapshot_addresses, METH_O, addresses_doc},
    {"release", snapshot_release, METH_NOARGS, release_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"nbytes", snapshot_nbytes, NULL, nbytes_doc, NULL},
    {"hash_bits", snapshot_bits, NULL, bits_doc, NULL},
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
