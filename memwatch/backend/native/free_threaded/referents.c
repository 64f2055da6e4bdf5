/* What objects refer to, of many at one moment: each stop of the world waits for all threads. See stopped.h, and
 * stopped.c for what may be done meanwhile. */
#include "free_threaded/stopped.h"

typedef struct {
    Memory memory;
    PyObject *asked; /* a list that is ours alone */
    Row found;       /* PyObject *, each with a reference that is ours */
    Row ends;        /* size_t: where the referents of each asked object end */
    bool failed;
} Asking;

static int
see_referent(PyObject *object, void *arg)
{
    Asking *asking = arg;
    if (object == NULL)
        return 0;
    if (!row_push(&asking->memory, &asking->found, object))
        return -1;
    Py_INCREF(object);
    return 0;
}

static bool
see_referents(Asking *asking, PyObject *object)
{
    traverseproc traverse = PyObject_IS_GC(object) ? Py_TYPE(object)->tp_traverse : NULL;
    if (traverse && traverse(object, see_referent, asking) < 0)
        return false;
    size_t *end = row_add(&asking->memory, &asking->ends);
    if (end)
        *end = asking->found.used;
    return end != NULL;
}

/* Called for the first object that there is; more are not asked for. */
static int
see_all(PyObject *Py_UNUSED(object), void *arg)
{
    Asking *asking = arg;
    for (Py_ssize_t place = 0; !asking->failed && place < PyList_GET_SIZE(asking->asked); place++)
        asking->failed = !see_referents(asking, PyList_GET_ITEM(asking->asked, place));
    return 0;
}

/* A list that takes over the references in found[start:end]; NULL if that is not *wanted* or fails. */
static PyObject *
take_over(const Asking *asking, size_t start, size_t end, bool wanted)
{
    PyObject *const *found = (PyObject **)asking->found.data;
    PyObject *list = wanted ? PyList_New((Py_ssize_t)(end - start)) : NULL;
    for (size_t place = start; place < end; place++) {
        if (list)
            PyList_SET_ITEM(list, (Py_ssize_t)(place - start), found[place]);
        else
            Py_DECREF(found[place]);
    }
    return list;
}

static PyObject *
lists_of(const Asking *asking)
{
    size_t start = 0;
    PyObject *lists = PyList_New((Py_ssize_t)asking->ends.used);
    for (size_t place = 0; place < asking->ends.used; place++) {
        size_t end = ((size_t *)asking->ends.data)[place];
        PyObject *list = take_over(asking, start, end, lists != NULL);
        start = end;
        if (list)
            PyList_SET_ITEM(lists, (Py_ssize_t)place, list);
        else
            Py_CLEAR(lists);
    }
    return lists;
}

const char stopped_referents_doc[] = "stopped_referents(objects)\n--\n\n"
                                     "For each of *objects*, a list, the list of what it refers to as its type tells\n"
                                     "the collector; all of the same moment.";

PyObject *
stopped_referents(PyObject *Py_UNUSED(module), PyObject *objects)
{
    Asking asking = {
        .memory = {.fail_after = -1},
        .found = {.stride = sizeof(PyObject *)},
        .ends = {.stride = sizeof(size_t)},
    };
    PyObject *result = NULL;
    asking.asked = PySequence_List(objects);
    if (asking.asked == NULL)
        return NULL;
    PyUnstable_GC_VisitObjects(see_all, &asking);
    if (asking.failed) {
        take_over(&asking, 0, asking.found.used, false);
        PyErr_NoMemory();
    } else
        result = lists_of(&asking);
    row_free(&asking.memory, &asking.found);
    row_free(&asking.memory, &asking.ends);
    Py_DECREF(asking.asked);
    return result;
}
