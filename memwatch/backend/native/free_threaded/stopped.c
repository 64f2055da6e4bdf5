/* Looks at the heap and at the frames while the world stands still. See stopped.h.
 *
 * The collector stops all threads for its visit to the objects that it tracks, at places where nothing of Python's is
 * half done, and PyUnstable_GC_VisitObjects() offers that visit to others. While it lasts nothing is allocated from
 * Python, whose heaps are being gone through, and nothing is freed: references are taken, and everything else is done
 * with them when the threads run again. The interpreter's list of threads is locked meanwhile, so that it is read by
 * its links.
 *
 * Who takes a reference to a tuple that another thread is filling breaks that: `tuple(iterator)` cuts the tuple to its
 * length in the end, and fails if anyone else has it. Such a one has one owner, the C code that fills it. */
#include "free_threaded/stopped.h"
#include "free_threaded/version.h"

/* ---- the objects ---- */

typedef struct {
    void *address;
    size_t bytes;
} Lone;

typedef struct {
    Memory memory;
    Row held;  /* PyObject *, each with a reference that is ours */
    Row lone; /* tuples that are not held */
    bool failed;
} Seen;

static bool
see_lone(Seen *seen, PyObject *tuple)
{
    Lone *lone = row_add(&seen->memory, &seen->lone);
    if (lone)
        *lone = (Lone){tuple, (size_t)(PyTuple_Type.tp_basicsize + Py_SIZE(tuple) * PyTuple_Type.tp_itemsize)};
    return lone != NULL;
}

static bool
hold(Memory *memory, Row *row, PyObject *object)
{
    bool held = row_push(memory, row, object);
    if (held)
        Py_XINCREF(object);
    return held;
}

static int
see(PyObject *object, void *arg)
{
    Seen *seen = arg;
    if (is_being_collected(object))
        return 1;
    bool is_lone = Py_IS_TYPE(object, &PyTuple_Type) && Py_REFCNT(object) <= 1;
    seen->failed = is_lone ? !see_lone(seen, object) : !hold(&seen->memory, &seen->held, object);
    return !seen->failed;
}

/* A list that takes over the references of *row* from *taken* on, or NULL; what is not taken over is let go. */
static PyObject *
list_of(const Row *row, bool wanted)
{
    PyObject *const *objects = (PyObject **)row->data;
    PyObject *list = wanted ? PyList_New((Py_ssize_t)row->used) : NULL;
    for (size_t place = 0; place < row->used; place++) {
        if (list)
            PyList_SET_ITEM(list, (Py_ssize_t)place, objects[place]);
        else
            Py_XDECREF(objects[place]);
    }
    return list;
}

/* A list of the addresses of lone tuples, or of their bytes. */
static PyObject *
list_lone(const Row *row, bool addresses)
{
    PyObject *list = PyList_New((Py_ssize_t)row->used);
    for (size_t place = 0; list && place < row->used; place++) {
        const Lone *lone = (Lone *)row->data + place;
        PyObject *number = addresses ? PyLong_FromVoidPtr(lone->address) : PyLong_FromSize_t(lone->bytes);
        if (number)
            PyList_SET_ITEM(list, (Py_ssize_t)place, number);
        else
            Py_CLEAR(list);
    }
    return list;
}

const char tracked_doc[] = "tracked()\n--\n\n"
                           "(objects, addresses, sizes): what the collector tracks; of tuples with one owner, which\n"
                           "are not among the objects, the addresses and the bytes.";

PyObject *
tracked(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    Seen seen = {
        .memory = {.fail_after = -1},
        .held = {.stride = sizeof(PyObject *)},
        .lone = {.stride = sizeof(Lone)},
    };
    PyObject *addresses = NULL, *sizes = NULL, *objects, *result = NULL;
    PyUnstable_GC_VisitObjects(see, &seen);
    if (seen.failed)
        PyErr_NoMemory();
    else if ((addresses = list_lone(&seen.lone, true)))
        sizes = list_lone(&seen.lone, false);
    objects = list_of(&seen.held, sizes != NULL);
    if (objects)
        result = PyTuple_Pack(3, objects, addresses, sizes);
    Py_XDECREF(objects);
    Py_XDECREF(addresses);
    Py_XDECREF(sizes);
    row_free(&seen.memory, &seen.held);
    row_free(&seen.memory, &seen.lone);
    return result;
}

/* ---- the frames ---- */

/* A frame: the thread's number, and where in the row of what is held its code, globals, namespace and variables
 * begin. */
typedef struct {
    unsigned long thread;
    size_t first;
} SeenFrame;

typedef struct {
    Memory memory;
    PyThreadState *own;
    bool variables;
    Row frames;
    Row held; /* PyObject * or NULL, each with a reference that is ours */
    bool failed;
} SeenThreads;

#define BEFORE_VARIABLES 3

static bool
see_frame(SeenThreads *seen, const PyThreadState *thread, const InterpreterFrame *frame)
{
    PyCodeObject *code = running_code(frame);
    if (code == NULL)
        return true;
    SeenFrame *made = row_add(&seen->memory, &seen->frames);
    if (made == NULL)
        return false;
    *made = (SeenFrame){thread->thread_id, seen->held.used};
    bool good = hold(&seen->memory, &seen->held, (PyObject *)code) &&
                hold(&seen->memory, &seen->held, frame->globals) && hold(&seen->memory, &seen->held, frame->names);
    for (int place = 0; good && seen->variables && place < code->co_nlocalsplus; place++)
        good = hold(&seen->memory, &seen->held, object_of(frame->values[place]));
    return good;
}

static void
see_thread(SeenThreads *seen, const PyThreadState *thread)
{
    for (InterpreterFrame *frame = innermost_frame(thread); frame && !seen->failed; frame = frame->previous)
        seen->failed = !see_frame(seen, thread, frame);
}

/* Called for the first object that there is; more are not asked for. */
static int
see_threads(PyObject *Py_UNUSED(object), void *arg)
{
    SeenThreads *seen = arg;
    for (const PyThreadState *thread = seen->own; thread; thread = thread->next)
        see_thread(seen, thread);
    for (const PyThreadState *thread = seen->own->prev; thread; thread = thread->prev)
        see_thread(seen, thread);
    return 0;
}

static bool
is_cell(const PyCodeObject *code, int place)
{
    return PyBytes_AS_STRING(code->co_localspluskinds)[place] & (0x40 | 0x80); /* shared with a function inside, or
                                                                                  with one around */
}

/* The variables of *code* by name; of a cell what is in it. */
static PyObject *
variables_of(const PyCodeObject *code, PyObject *const *values)
{
    PyObject *found = PyDict_New();
    for (int place = 0; found && place < code->co_nlocalsplus; place++) {
        PyObject *value = Py_XNewRef(values[place]);
        if (value && is_cell(code, place) && PyCell_Check(value))
            Py_SETREF(value, PyCell_Get(value));
        if (value && PyDict_SetItem(found, PyTuple_GET_ITEM(code->co_localsplusnames, place), value) < 0)
            Py_CLEAR(found);
        Py_XDECREF(value);
    }
    return found;
}

static PyObject *
row_of(const SeenThreads *seen, const SeenFrame *frame)
{
    PyObject *const *held = (PyObject **)seen->held.data + frame->first;
    PyObject *variables, *names = held[2] ? held[2] : Py_None;
    const PyCodeObject *code = (PyCodeObject *)held[0];
    if (!(code->co_flags & CO_OPTIMIZED))
        variables = Py_NewRef(names);
    else if (seen->variables)
        variables = variables_of(code, held + BEFORE_VARIABLES);
    else
        variables = PyDict_New();
    return variables ? Py_BuildValue("kOON", frame->thread, held[0], held[1], variables) : NULL;
}

const char stopped_threads_doc[] =
    "stopped_threads(variables)\n--\n\n"
    "[(thread, code, globals, names), ...] of the functions that run, of one thread after the other, the innermost\n"
    "first, as they are at one moment. *names* has the variables of a function by name, if *variables* is true, or\n"
    "it is the namespace in which a module or a class body runs.";

PyObject *
stopped_threads(PyObject *Py_UNUSED(module), PyObject *variables)
{
    SeenThreads seen = {
        .memory = {.fail_after = -1},
        .own = PyThreadState_Get(),
        .variables = PyObject_IsTrue(variables) > 0,
        .frames = {.stride = sizeof(SeenFrame)},
        .held = {.stride = sizeof(PyObject *)},
    };
    PyUnstable_GC_VisitObjects(see_threads, &seen);
    PyObject *list = seen.failed ? PyErr_NoMemory() : PyList_New((Py_ssize_t)seen.frames.used);
    for (size_t place = 0; list && place < seen.frames.used; place++) {
        PyObject *row = row_of(&seen, (SeenFrame *)seen.frames.data + place);
        if (row)
            PyList_SET_ITEM(list, (Py_ssize_t)place, row);
        else
            Py_CLEAR(list);
    }
    list_of(&seen.held, false);
    row_free(&seen.memory, &seen.held);
    row_free(&seen.memory, &seen.frames);
    return list;
}
