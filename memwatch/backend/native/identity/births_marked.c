/* Births read off the generations of the collector. Before 3.13.
 *
 * What is new and tracked stands in generation 0 or 1, and reaches generation 2 by a collection of generation 1 or 2
 * alone. So whatever stands in the two young ones when such a collection begins, or at the moment of a look, was born
 * since the last one, or was young when the watching began: a snapshot notes those. A function in gc.callbacks enters
 * them; it runs no Python code.
 *
 * A dict is tracked once it holds a container. A full collection gives up tracking one that holds none any more; when
 * that one gets a container again, it turns up among the young, and has not been born. So before a full collection
 * those dicts are noted that hold no container: of those the collector gives up some.
 *
 * The function could be taken out of the list, and gc.freeze() could put what is young aside unseen. Therefore the
 * function object itself is put at the end of generation 0, after each collection anew: where it does not turn up
 * among the young, something has passed by, and births are unsure. */
#include "identity/births.h"

#if !TRACES_BIRTHS

static PyObject *hook;             /* the function in gc.callbacks */
static PyObject *generation;       /* the key "generation" */
static PyInterpreterState *maker;  /* of both */

/* Enter all that is young; whether the hook is among them. */
static bool
enter_young(void)
{
    bool complete = false;
    for (int young = 0; young < 2; young++) {
        GCHead *head = &births.collector.generations[young].head;
        for (GCHead *link = (GCHead *)head->next; link != head; link = (GCHead *)link->next) {
            if (OBJECT_OF(link) == hook)
                complete = true;
            birth(OBJECT_OF(link));
        }
    }
    return complete;
}

/* Whether the collector may give up tracking *dict*: it goes on where a value is a container, tuples aside. */
static bool
is_loose(PyObject *dict)
{
    PyObject *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, NULL, &value))
        if (!PyTuple_CheckExact(value) && PyObject_IS_GC(value))
            return false;
    return true;
}

static bool
enter_loose(void)
{
    GCHead *head = &births.collector.generations[2].head;
    for (GCHead *link = (GCHead *)head->next; link != head; link = (GCHead *)link->next) {
        PyObject *object = OBJECT_OF(link);
        if (PyDict_CheckExact(object) && is_loose(object) &&
            marks_add(&births.memory, &births.latest->loose, object) < 0)
            return false;
    }
    return true;
}

static void
make_young(void)
{
    PyObject_GC_UnTrack(hook);
    PyObject_GC_Track(hook);
}

/* The generation that is collected, or -1. */
static long
generation_in(PyObject *info)
{
    PyObject *number = PyDict_CheckExact(info) ? PyDict_GetItemWithError(info, generation) : NULL;
    return number && PyLong_CheckExact(number) ? PyLong_AsLong(number) : -1;
}

/* What gc.callbacks calls: (phase, info). */
static PyObject *
on_collection(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t given)
{
    bool watching = births.latest && hook && births.owner == PyInterpreterState_Get();
    if (!watching || given != 2 || !PyUnicode_CheckExact(args[0]))
        Py_RETURN_NONE;
    long collected = generation_in(args[1]);
    if (collected >= 1 && PyUnicode_CompareWithASCIIString(args[0], "stop") == 0)
        make_young();
    else if (collected >= 1 && (!enter_young() || (collected == 2 && !enter_loose())))
        births_are_unsure();
    Py_RETURN_NONE;
}

static PyMethodDef hook_method = {"note_births", (PyCFunction)(void (*)(void))on_collection, METH_FASTCALL, NULL};

bool
watcher_prepare(void)
{
    if (maker && maker != PyInterpreterState_Get())
        return true; /* watching will not begin */
    maker = PyInterpreterState_Get();
    if (generation == NULL && (generation = PyUnicode_InternFromString("generation")) == NULL)
        return false;
    return hook || (hook = PyCFunction_New(&hook_method, NULL));
}

static Py_ssize_t
place_of_hook(void)
{
    PyObject *list = births.collector.behind->callbacks;
    Py_ssize_t place = PyList_GET_SIZE(list);
    while (--place >= 0)
        if (PyList_GET_ITEM(list, place) == hook)
            return place;
    return -1;
}

bool
watcher_begin(void)
{
    if (hook == NULL || maker != PyInterpreterState_Get())
        return false;
    if (births.latest->before && !watcher_look()) {
        births_are_unsure(); /* for those that watch already */
        births.latest->unsure = false;
    }
    make_young();
    if (place_of_hook() >= 0 || PyList_Append(births.collector.behind->callbacks, hook) == 0)
        return true;
    PyErr_Clear();
    return false;
}

bool
watcher_look(void)
{
    return hook && enter_young();
}

void
watcher_end(void)
{
    PyObject *list = births.collector.behind->callbacks;
    Py_ssize_t last = list ? PyList_GET_SIZE(list) - 1 : -1;
    if (hook == NULL || last < 0 || PyList_GET_ITEM(list, last) != hook)
        return; /* idle from now on */
    if (PyList_SetSlice(list, last, last + 1, NULL) < 0)
        PyErr_Clear();
    else
        watcher_forget();
}

bool
watcher_leave_out(Walk *walk)
{
    return hook == NULL || walk_leave_out(walk, hook);
}

void
watcher_forget(void)
{
    if (maker != PyInterpreterState_Get())
        return;
    Py_CLEAR(hook);
    Py_CLEAR(generation);
    maker = NULL;
}

#endif
