/* Finding tracked objects: once along the collector's lists. See find.h.
 *
 * An address may have been freed since it was noted, so it is never looked at; it is looked for. What is found is held
 * before the first Python object is made, because that may start a collection. An object that is being freed, or is
 * half built, as a tuple without all of its items, is passed over. */
#include "find.h"

static bool
is_whole(PyObject *object)
{
    if (Py_REFCNT(object) <= 0)
        return false;
    if (PyTuple_CheckExact(object))
        for (Py_ssize_t place = 0; place < Py_SIZE(object); place++)
            if (((PyTupleObject *)object)->ob_item[place] == NULL)
                return false;
    return true;
}

static bool
search(Memory *memory, Link *head, const Pointers *wanted, const Pointers *own, Row *found)
{
    for (Link *link = (Link *)head->next; link != head; link = (Link *)link->next) {
        PyObject *object = OBJECT_OF(link);
        __builtin_prefetch((const void *)link->next);
        if (!pointers_find(wanted, object) || pointers_find(own, Py_TYPE(object)) || !is_whole(object))
            continue;
        if (!row_push(memory, found, object))
            return false;
        Py_INCREF(object);
    }
    return true;
}

PyObject *
find_listed(Memory *memory, Collector *collector, const Pointers *wanted, const Pointers *own)
{
    Link *heads[] = {&collector->generations[0].head, &collector->generations[1].head,
                     &collector->generations[2].head, &collector->permanent.head};
    Row found = {.stride = sizeof(PyObject *)};
    bool complete = true;
    for (size_t ring = 0; complete && !collector->collecting && ring < Py_ARRAY_LENGTH(heads); ring++)
        complete = search(memory, heads[ring], wanted, own, &found);
    PyObject *list = complete ? PyList_New((Py_ssize_t)found.used) : PyErr_NoMemory();
    for (size_t place = 0; place < found.used; place++) {
        PyObject *object = ((PyObject **)found.data)[place];
        if (list)
            PyList_SET_ITEM(list, (Py_ssize_t)place, object);
        else
            Py_DECREF(object);
    }
    row_free(memory, &found);
    return list;
}
