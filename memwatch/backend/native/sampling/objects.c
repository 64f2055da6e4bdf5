/* Which live samples are objects, and of what type, whether anything refers to them or not.
 *
 * A block that holds an object begins with it, or with what its type has before it: the collector's head, and two words
 * more. Its type is believed if it is one of those that the caller knows. A block in the table cannot go away while the
 * lock is held, since whoever frees it takes it out first. */
#include "sampling/methods.h"
#include "sampling/sampler.h"

#include "core/pointers.h"

typedef struct {
    uint64_t address; /* of the block */
    uint64_t birth;
    uint32_t type; /* its place among the known ones */
    uint32_t before; /* bytes before the object */
} Found;

typedef struct {
    Memory memory;
    Pointers known;
    Row found;
    bool failed;
} Looking;

static size_t
bytes_before(const PyTypeObject *type)
{
    size_t head = type->tp_flags & Py_TPFLAGS_HAVE_GC ? COLLECTORS_HEAD : 0;
    return head + (type->tp_flags & TWO_WORDS_BEFORE ? 2 * sizeof(void *) : 0);
}

static bool
look(Sample *sample, void *arg)
{
    static const size_t starts[] = {0, COLLECTORS_HEAD, COLLECTORS_HEAD + 2 * sizeof(void *)};
    Looking *looking = arg;
    for (int place = 0; !sample->native && place < 3 && starts[place] + sizeof(PyObject) <= sample->size; place++) {
        const PyObject *object = (const PyObject *)(sample->address + starts[place]);
        const PyTypeObject *type = object->ob_type;
        const Pointer *entry = type && may_count(object) ? pointers_find(&looking->known, type) : NULL;
        if (entry == NULL || bytes_before(type) != starts[place])
            continue;
        Found *found = row_add(&looking->memory, &looking->found);
        if (found)
            *found = (Found){sample->address, sample->birth, (uint32_t)entry->number, (uint32_t)starts[place]};
        else
            looking->failed = true;
        break;
    }
    return true;
}

static bool
know(Looking *looking, PyObject *types)
{
    for (Py_ssize_t place = 0; place < PyList_GET_SIZE(types); place++) {
        PyObject *type = PyList_GET_ITEM(types, place);
        if (!PyType_Check(type)) {
            PyErr_SetString(PyExc_TypeError, "a list of types");
            return false;
        }
        Pointer *entry = pointers_enter(&looking->memory, &looking->known, type);
        if (entry == NULL) {
            PyErr_NoMemory();
            return false;
        }
        entry->number = place;
    }
    return true;
}

const char sampling_objects_doc[] =
    "sampling_objects(types)\n--\n\n"
    "The live samples that are objects of one of *types*, a list: rows of four numbers as bytes, the block's address\n"
    "and birth (64 bits), the type's place in the list and the bytes before the object (32 bits).";

PyObject *
sampling_objects(PyObject *Py_UNUSED(module), PyObject *types)
{
    Looking looking = {.memory = {.fail_after = sampler.memory.fail_after}, .found = {.stride = sizeof(Found)}};
    PyObject *result = NULL;
    if (!PyList_Check(types))
        return PyErr_Format(PyExc_TypeError, "a list of types");
    if (know(&looking, types)) {
        sampler_lock();
        if (sampler.active)
            samples_keep(&sampler.samples, look, &looking);
        sampler_unlock();
        if (looking.failed)
            PyErr_NoMemory();
        else
            result = PyBytes_FromStringAndSize(looking.found.data, (Py_ssize_t)(looking.found.used * sizeof(Found)));
    }
    row_free(&looking.memory, &looking.found);
    pointers_free(&looking.memory, &looking.known);
    return result;
}
