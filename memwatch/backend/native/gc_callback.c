/* The collector's callback.
 *
 * CPython drops what an entry of gc.callbacks raises. Where the entry is written in Python, a signal handler may run
 * in it, in the main thread, and then the handler's KeyboardInterrupt is what is dropped. This one runs no bytecode:
 * a signal is dealt with when the collection is over, by the code that was interrupted.
 *
 * Two things have to be Python all the same. The record that wakes the watcher is a tuple of a class made in Python;
 * it is made by the `tp_new` of tuple, past any __new__ of the class. And `on_any`, which starts a thread again after a
 * fork, is a function. In the main thread it is left to a pending call, which the interpreter makes as soon as it is
 * back in its loop, where an exception of a signal handler goes where it should. Other threads run no signal handlers,
 * so there it is called on the spot: pending calls wait for the main thread, which may sleep for hours. What can be
 * raised there is an exception that another thread has sent to this one, and it is sent once more.
 *
 * A fork asks for on_any without a collection, by `after_fork`. The pending call comes as early as in the hook of
 * another library that runs after ours; from 3.13 on os.fork() counts the threads after all hooks, and warns of a
 * second one. So a call that finds the frame that forks still at the same instruction, below the one that it
 * interrupts, asks for another. As that frame may be of a program that runs as a whole inside one call of C code, they
 * are counted.
 *
 * C code that forks by itself, as uWSGI does, calls Python's hooks late or never. A collection in such a child finds
 * that there was a fork which nobody has told, and some seconds later one leaves `on_unseen_fork` to the main thread.
 *
 * Everything here is protected by the GIL, which is held from begin to end of a callback. */
#include "gc_callback.h"

#include "meters/arenas.h"

#include <pthread.h>
#include <stddef.h>
#include <time.h>

#define OLDEST 2   /* the generation of a full collection */
#define WAITING 64 /* records that may wait; further ones are dropped and counted */
#define LATE 10.0 /* seconds: hooks that have not come by then do not come */
#define MOST_CALLS 32000 /* that wait for the end of a fork; the interpreter makes 32 of them each time that it looks */

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *queue; /* a SimpleQueue */
    PyObject *quiet; /* a dict: by the ident of a thread, how often it is quiet */
    PyObject *count_blocks; /* a C function */
    PyObject *record; /* a class made from tuple: clock, blocks or None, cost */
    PyObject *on_any; /* None, or what is called once at the next collection of any generation */
    PyObject *on_unseen_fork; /* None, or what is called in a child whose fork called no hooks */
    PyObject *generation; /* the key */
    double begun; /* 0: no full collection was seen to begin */
    double seconds;
    double blocks_cost;
    double cheap;
    Py_ssize_t dropped;
    char retired;
    char scheduled; /* a pending call will see to on_any */
    const PyFrameObject *forking; /* the frame that forks, never dereferenced: it may be gone */
    int instruction; /* that it is at */
    int calls; /* that may still wait for the end of the fork */
    int forks; /* that were told */
    double unseen_since; /* when this was first called in a child whose fork was not; 0: not in one */
} GCCallback;

static int forks; /* that have led from the process in which this was loaded to this one */

static void
in_child(void)
{
    forks++;
}

static double
processor_seconds(void)
{
    struct timespec spent;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent) ? 0.0 : (double)spent.tv_sec + 1e-9 * (double)spent.tv_nsec;
}

/* ---- on_any ---- */

/* Call on_any if it is still there; false with an exception. One that had no room to work waits for the next time. */
static bool
call_on_any(GCCallback *callback)
{
    PyObject *wake = callback->on_any;
    if (wake == NULL || wake == Py_None)
        return true;
    callback->on_any = NULL;
    PyObject *answer = PyObject_CallNoArgs(wake);
    bool called = answer != NULL;
    Py_XDECREF(answer);
    if (!called && (PyErr_ExceptionMatches(PyExc_MemoryError) || PyErr_ExceptionMatches(PyExc_RecursionError))) {
        PyErr_Clear();
        called = true;
        if (callback->on_any == NULL)
            callback->on_any = Py_NewRef(wake);
    }
    Py_DECREF(wake);
    return called;
}

/* Whether the fork that was told last is still under way, as far as the thread's frames show; questions are counted. */
static bool
still_forks(GCCallback *callback)
{
    if (callback->calls == 0)
        return false;
    PyFrameObject *frame = PyThreadState_GetFrame(PyThreadState_Get());
    bool below = false; /* in the frame that forks itself, nothing is asked before the fork is over */
    bool found = false;
    while (frame && !found) {
        found = below && frame == callback->forking && PyFrame_GetLasti(frame) == callback->instruction;
        PyFrameObject *back = found ? NULL : PyFrame_GetBack(frame);
        Py_DECREF(frame);
        frame = back;
        below = true;
    }
    callback->calls = found ? callback->calls - 1 : 0;
    return found;
}

static void schedule(GCCallback *callback);

static int
pending_call(void *arg)
{
    GCCallback *callback = arg;
    bool called = true;
    callback->scheduled = 0;
    if (still_forks(callback))
        schedule(callback);
    else
        called = call_on_any(callback);
    Py_DECREF(callback);
    return called ? 0 : -1;
}

/* Have the main thread see to on_any; where too many calls wait, the next collection tries again. */
static void
schedule(GCCallback *callback)
{
    if (callback->scheduled)
        return;
    callback->scheduled = Py_AddPendingCall(pending_call, Py_NewRef(callback)) == 0;
    if (!callback->scheduled)
        Py_DECREF(callback);
}

static void
see_to_on_any(GCCallback *callback)
{
    if (runs_signal_handlers())
        schedule(callback);
    else if (!call_on_any(callback)) {
        PyThreadState_SetAsyncExc(PyThread_get_thread_ident(), PyErr_Occurred());
        PyErr_Clear();
    }
}

static PyObject *
callback_after_fork(PyObject *self, PyObject *frame)
{
    GCCallback *callback = (GCCallback *)self;
    bool known = PyFrame_Check(frame);
    if (!known && frame != Py_None) {
        PyErr_SetString(PyExc_TypeError, "the frame that forks is needed, or None");
        return NULL;
    }
    callback->forking = known ? (PyFrameObject *)frame : NULL;
    callback->instruction = known ? PyFrame_GetLasti((PyFrameObject *)frame) : 0;
    callback->calls = known ? MOST_CALLS : 0;
    callback->forks = forks;
    callback->unseen_since = 0;
    callback->scheduled = 0; /* a call that waits may be of a thread that the fork has left behind */
    see_to_on_any(callback);
    /* Where another than the main thread has forked, 3.13 tells the parent's main thread, which is not here, that a
     * call waits. Who takes the GIL looks for itself. */
    Py_BEGIN_ALLOW_THREADS
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* This is a child, and nobody has said so, or not yet. */
static void
unseen_fork(GCCallback *callback)
{
    double now = monotonic_seconds();
    if (callback->unseen_since == 0)
        callback->unseen_since = now;
    if (now - callback->unseen_since < LATE || !runs_signal_handlers())
        return;
    callback->forks = forks;
    callback->scheduled = 0;
    if (callback->on_unseen_fork && callback->on_unseen_fork != Py_None && !callback->retired)
        Py_XSETREF(callback->on_any, Py_NewRef(callback->on_unseen_fork));
}

/* ---- a full collection ---- */

/* Whether the collection is one of memwatch's own. */
static bool
is_quiet(const GCCallback *callback)
{
    if (PyDict_GET_SIZE(callback->quiet) == 0)
        return false;
    PyObject *thread = PyLong_FromUnsignedLong(PyThread_get_thread_ident());
    bool quiet = thread && PyDict_Contains(callback->quiet, thread) > 0;
    Py_XDECREF(thread);
    return quiet;
}

static bool
has_room(const GCCallback *callback)
{
    PyObject *waiting = PyObject_CallMethod(callback->queue, "qsize", NULL);
    bool room = waiting && PyLong_AsLong(waiting) < WAITING;
    Py_XDECREF(waiting);
    return room && !PyErr_Occurred();
}

/* Python's blocks, or None where counting has cost too much; NULL with an exception. */
static PyObject *
blocks_now(GCCallback *callback)
{
    if (callback->blocks_cost >= callback->cheap || !(arenas_known() || may_count_blocks()))
        return Py_NewRef(Py_None);
    double begun = processor_seconds();
    PyObject *blocks = PyObject_CallNoArgs(callback->count_blocks);
    callback->blocks_cost = Py_MAX(0.0, processor_seconds() - begun);
    return blocks;
}

static bool
put_record(GCCallback *callback)
{
    PyObject *blocks = has_room(callback) ? blocks_now(callback) : NULL;
    PyObject *fields = blocks ? Py_BuildValue("((dOd))", monotonic_seconds(), blocks, callback->blocks_cost) : NULL;
    PyObject *record = fields ? PyTuple_Type.tp_new((PyTypeObject *)callback->record, fields, NULL) : NULL;
    if (record && PyObject_GC_IsTracked(record)) /* numbers alone: no object more for a program that counts its own */
        PyObject_GC_UnTrack(record);
    PyObject *done = record ? PyObject_CallMethod(callback->queue, "put", "(O)", record) : NULL;
    Py_XDECREF(blocks);
    Py_XDECREF(fields);
    Py_XDECREF(record);
    Py_XDECREF(done);
    return done != NULL;
}

static void
full_collection(GCCallback *callback, bool begins)
{
    if (begins) {
        callback->begun = monotonic_seconds();
        return;
    }
    if (callback->begun > 0) /* not where this was attached in the middle of a collection */
        callback->seconds += monotonic_seconds() - callback->begun;
    callback->begun = 0;
    if (!callback->retired && !is_quiet(callback) && !put_record(callback))
        callback->dropped++;
    PyErr_Clear(); /* a lack of memory */
}

static PyObject *
callback_call(PyObject *self, PyObject *const *args, size_t given, PyObject *names)
{
    GCCallback *callback = (GCCallback *)self;
    if (PyVectorcall_NARGS(given) != 2 || names || !PyUnicode_Check(args[0]) || !PyDict_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "what the collector says is needed: a phase, and a dict");
        return NULL;
    }
    if (callback->forks != forks)
        unseen_fork(callback);
    if (callback->on_any && callback->on_any != Py_None)
        see_to_on_any(callback);
    PyObject *generation = PyDict_GetItemWithError(args[1], callback->generation);
    int too_large = 0;
    if (generation == NULL || !PyLong_CheckExact(generation))
        PyErr_Clear();
    else if (PyLong_AsLongAndOverflow(generation, &too_large) >= OLDEST)
        full_collection(callback, PyUnicode_CompareWithASCIIString(args[0], "start") == 0);
    Py_RETURN_NONE;
}

/* ---- the type ---- */

static PyObject *
callback_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    PyObject *queue, *quiet, *count_blocks, *record;
    double cheap;
    if (keywords && PyDict_GET_SIZE(keywords)) {
        PyErr_SetString(PyExc_TypeError, "GCCallback() takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "OO!OO!d:GCCallback", &queue, &PyDict_Type, &quiet, &count_blocks, &PyType_Type,
                          &record, &cheap))
        return NULL;
    if (!PyCFunction_Check(count_blocks) || !PyType_IsSubtype((PyTypeObject *)record, &PyTuple_Type)) {
        PyErr_SetString(PyExc_TypeError, "a C function and a class made from tuple are needed");
        return NULL;
    }
    GCCallback *made = (GCCallback *)type->tp_alloc(type, 0);
    PyObject *generation = made ? PyUnicode_InternFromString("generation") : NULL;
    if (generation == NULL) {
        Py_XDECREF(made);
        return NULL;
    }
    made->call = callback_call;
    made->queue = Py_NewRef(queue);
    made->quiet = Py_NewRef(quiet);
    made->count_blocks = Py_NewRef(count_blocks);
    made->record = Py_NewRef(record);
    made->generation = generation;
    made->cheap = cheap;
    made->forks = forks;
    return (PyObject *)made;
}

static int
callback_traverse(PyObject *self, visitproc visit, void *arg)
{
    GCCallback *callback = (GCCallback *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(callback->queue);
    Py_VISIT(callback->quiet);
    Py_VISIT(callback->count_blocks);
    Py_VISIT(callback->record);
    Py_VISIT(callback->on_any);
    Py_VISIT(callback->on_unseen_fork);
    return 0;
}

/* A cycle leads through the two functions alone, or through what a program has put into the queue. */
static int
callback_clear(PyObject *self)
{
    Py_CLEAR(((GCCallback *)self)->on_any);
    Py_CLEAR(((GCCallback *)self)->on_unseen_fork);
    return 0;
}

static void
callback_dealloc(PyObject *self)
{
    GCCallback *callback = (GCCallback *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(callback->queue);
    Py_XDECREF(callback->quiet);
    Py_XDECREF(callback->count_blocks);
    Py_XDECREF(callback->record);
    Py_XDECREF(callback->on_any);
    Py_XDECREF(callback->on_unseen_fork);
    Py_XDECREF(callback->generation);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(GCCallback, call), READONLY, NULL},
    {"queue", T_OBJECT_EX, offsetof(GCCallback, queue), 0, "The SimpleQueue that gets the records."},
    {"on_any", T_OBJECT, offsetof(GCCallback, on_any), 0, "Called once, at the next collection of any generation."},
    {"on_unseen_fork", T_OBJECT, offsetof(GCCallback, on_unseen_fork), 0,
     "Called in a child whose fork called no hooks."},
    {"unseen_since", T_DOUBLE, offsetof(GCCallback, unseen_since), 0, "When a fork without hooks was found; 0: none."},
    {"begun", T_DOUBLE, offsetof(GCCallback, begun), 0, "When a full collection has begun, 0 while there is none."},
    {"seconds", T_DOUBLE, offsetof(GCCallback, seconds), READONLY, "Time spent in full collections."},
    {"blocks_cost", T_DOUBLE, offsetof(GCCallback, blocks_cost), 0, "Seconds that the last count of blocks took."},
    {"dropped", T_PYSSIZET, offsetof(GCCallback, dropped), READONLY, "Records that found the queue full."},
    {"retired", T_BOOL, offsetof(GCCallback, retired), 0, "Whether nobody reads the queue any more."},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(after_fork_doc, "after_fork(frame, /)\n--\n\n"
                             "Have on_any called once the fork is over, by the frame that forks; None: soon.");

static PyMethodDef methods[] = {
    {"after_fork", callback_after_fork, METH_O, after_fork_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(callback_doc, "GCCallback(queue, quiet, count_blocks, record, cheap)\n--\n\n"
                           "An entry of gc.callbacks that runs no bytecode; see backend/meters/gc_callback.py.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)callback_doc},
    {Py_tp_new, callback_new},
    {Py_tp_dealloc, callback_dealloc},
    {Py_tp_traverse, callback_traverse},
    {Py_tp_clear, callback_clear},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, members},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "memwatch.backend._native.GCCallback",
    .basicsize = sizeof(GCCallback),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

PyObject *
callback_type(PyObject *module)
{
    static bool watches; /* where that cannot be, such a child is not noticed */
    watches = watches || pthread_atfork(NULL, NULL, in_child) == 0;
    return PyType_FromModuleAndSpec(module, &spec, NULL);
}
