/* The functions by which Python reaches the sampling of native allocations. See native.h. */
#include "libc/parts.h"

#include "sampling/methods.h"

const char sampling_native_doc[] =
    "sampling_native(on)\n--\n\n"
    "Sample what C code allocates as well, while sampling runs; or no more, and forget those samples.\n"
    "RuntimeError where that cannot be done.";

PyObject *
sampling_native(PyObject *Py_UNUSED(module), PyObject *wanted)
{
    int on = PyObject_IsTrue(wanted);
    if (on < 0 || !sampling_is_main())
        return NULL;
    if (!on)
        native_end();
    else if (!native_runs() && !native_begin())
        return NULL;
    Py_RETURN_NONE;
}

static size_t
live_natives(void)
{
    size_t live = 0;
    sampler_lock();
    for (size_t place = 0; sampler.samples.table && place < sampler.samples.room; place++)
        live += sampler.samples.table[place].address && sampler.samples.table[place].native;
    sampler_unlock();
    return live;
}

const char sampling_native_stats_doc[] =
    "sampling_native_stats()\n--\n\n"
    "How it goes, as a dict: is it on, how many objects have slots that are taken, slots, live samples.";

PyObject *
sampling_native_stats(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    NativeCount count = native_count();
    return Py_BuildValue("{sNsIsIsn}", "on", PyBool_FromLong(native_runs()), "objects", count.objects, "slots",
                         count.slots, "live", (Py_ssize_t)live_natives());
}

const char sampling_follow_doc[] =
    "sampling_follow()\n--\n\n"
    "See to libraries that have been loaded since native allocations are sampled; costs nothing if there are none.";

PyObject *
sampling_follow(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    native_follow();
    Py_RETURN_NONE;
}

const char sampling_native_slots_doc[] =
    "sampling_native_slots()\n--\n\n"
    "For tests: (object, function, address, value, is it ours) of each slot for a function that is hooked.";

#if KNOWS_NATIVE

#define MOST_SLOTS 4096

typedef struct {
    const char *object;
    const char *function;
    void **slot;
    void *value;
    bool ours;
} FoundSlot;

typedef struct {
    FoundSlot slots[MOST_SLOTS];
    size_t used;
} FoundSlots;

/* Names stay where they are for as long as nothing is unloaded. */
static void
see(const NativeObject *object, int function, void **slot, bool Py_UNUSED(calls), void *arg)
{
    FoundSlots *seen = arg;
    const NativeFunction *known = &native_functions[function];
    if (seen->used < MOST_SLOTS)
        seen->slots[seen->used++] = (FoundSlot){object->name, known->name, slot, *slot, *slot == known->hook};
}

PyObject *
sampling_native_slots(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    Memory memory = {.fail_after = -1};
    FoundSlots *seen = memory_map(&memory, sizeof(FoundSlots));
    if (seen == NULL)
        return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    if (loader_answers())
        native_each(see, seen);
    Py_END_ALLOW_THREADS
    PyObject *list = PyList_New((Py_ssize_t)seen->used);
    for (size_t number = 0; list && number < seen->used; number++) {
        const FoundSlot *slot = &seen->slots[number];
        PyObject *row = Py_BuildValue("ssKKN", slot->object, slot->function, (unsigned long long)(uintptr_t)slot->slot,
                                      (unsigned long long)(uintptr_t)slot->value, PyBool_FromLong(slot->ours));
        if (row)
            PyList_SET_ITEM(list, (Py_ssize_t)number, row);
        else
            Py_CLEAR(list);
    }
    memory_unmap(&memory, seen, sizeof(FoundSlots));
    return list;
}

#else

PyObject *
sampling_native_slots(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyList_New(0);
}

#endif
