/* Tracked objects by their addresses, which a forked child has told.
 *
 * What lay there may be gone by now, and its memory another's. So nothing is touched that does not hang in one of the
 * collector's rings: they are gone along, and what lies at a wanted address is taken if it is of the wanted type. */
#include "search/search.h"

#define FETCH(address) __builtin_prefetch((const void *)(address))

typedef struct {
    Pointers wanted; /* with the address of the type; 0 where the object was found */
    size_t missing;
    PyObject *found; /* a list with room for all */
} Wanted;

/* A tuple with one owner may be one that another thread is making: who holds that breaks it. */
static bool
may_be_held(PyObject *object)
{
    return !PyTuple_CheckExact(object) || Py_REFCNT(object) > 1;
}

static void
try_listed(Wanted *wanted, GCHead *link)
{
    PyObject *object = OBJECT_OF(link);
    Pointer *entry = pointers_find(&wanted->wanted, object);
    if (entry == NULL || entry->number == 0)
        return;
    if ((Py_ssize_t)Py_TYPE(object) == entry->number && may_be_held(object))
        PyList_SET_ITEM(wanted->found, (Py_ssize_t)--wanted->missing, Py_NewRef(object));
    entry->number = 0;
}

/* From both ends at once, as in census/walk.c. */
static void
try_ring(Wanted *wanted, GCHead *head)
{
    GCHead *front = (GCHead *)head->next, *back = (GCHead *)(head->prev & ~PREV_FLAGS);
    while (front != head && wanted->missing) {
        GCHead *next = (GCHead *)front->next, *before = (GCHead *)(back->prev & ~PREV_FLAGS);
        FETCH(next);
        FETCH(before);
        try_listed(wanted, front);
        if (front == back)
            return;
        try_listed(wanted, back);
        if (next == back)
            return;
        front = next;
        back = before;
    }
}

/* False with an exception. */
static bool
read_wanted(Wanted *wanted, Memory *memory, PyObject *given)
{
    PyObject *address, *type;
    Py_ssize_t position = 0;
    if (!PyDict_Check(given))
        return PyErr_Format(PyExc_TypeError, "a dict of addresses is needed");
    while (PyDict_Next(given, &position, &address, &type)) {
        const void *place = PyLong_AsVoidPtr(address);
        Pointer *entry = place ? pointers_enter(memory, &wanted->wanted, place) : NULL;
        if (entry == NULL)
            return PyErr_Occurred() ? false : PyErr_NoMemory();
        entry->number = (Py_ssize_t)PyLong_AsVoidPtr(type);
    }
    wanted->missing = wanted->wanted.used;
    wanted->found = PyErr_Occurred() ? NULL : PyList_New((Py_ssize_t)wanted->missing);
    if (wanted->found)
        PyObject_GC_UnTrack(wanted->found); /* nobody is to see it half full */
    return wanted->found;
}

const char tracked_at_doc[] =
    "tracked_at(types)\n--\n\n"
    "The tracked objects at the addresses that are keys of the dict *types*, of the types at its values: in a list,\n"
    "with some or none. None while the collector is at work.";

PyObject *
tracked_at_call(State *state, PyObject *given)
{
    Wanted wanted = {0};
    PyObject *result = NULL;
    GCHead *heads[] = {&state->collector.generations[0].head, &state->collector.generations[1].head,
                       &state->collector.generations[2].head, &state->collector.behind->permanent.head};
    if (state->collector.behind->collecting)
        return Py_NewRef(Py_None);
    if (read_wanted(&wanted, &state->memory, given)) {
        for (size_t ring = 0; ring < Py_ARRAY_LENGTH(heads); ring++)
            try_ring(&wanted, heads[ring]);
        result = PyList_GetSlice(wanted.found, (Py_ssize_t)wanted.missing, PyList_GET_SIZE(wanted.found));
    }
    Py_XDECREF(wanted.found);
    pointers_free(&state->memory, &wanted.wanted);
    return result;
}
