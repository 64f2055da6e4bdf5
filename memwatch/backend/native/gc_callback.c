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
 * Everything here is protected by the GIL, which is held from begin to end of a callback. */
#include "gc_callback.h"

#include "meters/arenas.h"

#include <stddef.h>
#include <time.h>

#define OLDEST 2   /* the generation of a full collection */
#define WAITING 64 /* records that may wait; further ones are dropped and counted */
#define MOST_CALLS 32000 /* that wait for the end of a fork; the interpreter makes 32 of them each time that it looks */

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *queue; /* a SimpleQueue */
    PyObject *quiet; /* a dict: by the ident of a thread, how often it is quiet */
    PyObject *count_blocks; /* a C function */
    PyObject *record; /* a class made from tuple: clock, blocks or None, cost */
    PyObject *on_any; /* None, or what is called once at the next collection of any generation */
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
} Trigger;

static double
processor_seconds(void)
{
    struct timespec spent;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent) ? 0.0 : (double)spent.tv_sec + 1e-9 * (double)spent.tv_nsec;
}

/* ---- on_any ---- */

/* Call on_any if it is still there; false with an exception. One that had no room to work waits for the next time. */
static bool
call_on_any(Trigger *trigger)
{
    PyObject *wake = trigger->on_any;
    if (wake == NULL || wake == Py_None)
        return true;
    trigger->on_any = NULL;
    PyObject *answer = PyObject_CallNoArgs(wake);
    bool called = answer != NULL;
    Py_XDECREF(answer);
    if (!called && (PyErr_ExceptionMatches(PyExc_MemoryError) || PyErr_ExceptionMatches(PyExc_RecursionError))) {
        PyErr_Clear();
        called = true;
        if (trigger->on_any == NULL)
            trigger->on_any = Py_NewRef(wake);
    }
    Py_DECREF(wake);
    return called;
}

/* Whether the fork that was told last is still under way, as far as the thread's frames show; questions are counted. */
static bool
still_forks(Trigger *trigger)
{
    if (trigger->calls == 0)
        return false;
    PyFrameObject *frame = PyThreadState_GetFrame(PyThreadState_Get());
    bool below = false; /* in the frame that forks itself, nothing is asked before the fork is over */
    bool found = false;
    while (frame && !found) {
        found = below && frame == trigger->forking && PyFrame_GetLasti(frame) == trigger->instruction;
        PyFrameObject *back = found ? NULL : PyFrame_GetBack(frame);
        Py_DECREF(frame);
        frame = back;
        below = true;
    }
    trigger->calls = found ? trigger->calls - 1 : 0;
    return found;
}

static void schedule(Trigger *trigger);

static int
pending_call(void *arg)
{
    Trigger *trigger = arg;
    bool called = true;
    trigger->scheduled = 0;
    if (still_forks(trigger))
        schedule(trigger);
    else
        called = call_on_any(trigger);
    Py_DECREF(trigger);
    return called ? 0 : -1;
}

/* Have the main thread see to on_any; where too many calls wait, the next collection tries again. */
static void
schedule(Trigger *trigger)
{
    if (trigger->scheduled)
        return;
    trigger->scheduled = Py_AddPendingCall(pending_call, Py_NewRef(trigger)) == 0;
    if (!trigger->scheduled)
        Py_DECREF(trigger);
}

static void
see_to_on_any(Trigger *trigger)
{
    if (runs_signal_handlers())
        schedule(trigger);
    else if (!call_on_any(trigger)) {
        PyThreadState_SetAsyncExc(PyThread_get_thread_ident(), PyErr_Occurred());
        PyErr_Clear();
    }
}

static PyObject *
trigger_after_fork(PyObject *self, PyObject *frame)
{
    Trigger *trigger = (Trigger *)self;
    bool known = PyFrame_Check(frame);
    if (!known && frame != Py_None) {
        PyErr_SetString(PyExc_TypeError, "the frame that forks is needed, or None");
        return NULL;
    }
    trigger->forking = known ? (PyFrameObject *)frame : NULL;
    trigger->instruction = known ? PyFrame_GetLasti((PyFrameObject *)frame) : 0;
    trigger->calls = known ? MOST_CALLS : 0;
    trigger->scheduled = 0; /* a call that waits may be of a thread that the fork has left behind */
    see_to_on_any(trigger);
    /* Where another than the main thread has forked, 3.13 tells the parent's main thread, which is not here, that a
     * call waits. Who takes the GIL looks for itself. */
    Py_BEGIN_ALLOW_THREADS
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* ---- a full collection ---- */

/* Whether the collection is one of memwatch's own. */
static bool
is_quiet(const Trigger *trigger)
{
    if (PyDict_GET_SIZE(trigger->quiet) == 0)
        return false;
    PyObject *thread = PyLong_FromUnsignedLong(PyThread_get_thread_ident());
    bool quiet = thread && PyDict_Contains(trigger->quiet, thread) > 0;
    Py_XDECREF(thread);
    return quiet;
}

static bool
has_room(const Trigger *trigger)
{
    PyObject *waiting = PyObject_CallMethod(trigger->queue, "qsize", NULL);
    bool room = waiting && PyLong_AsLong(waiting) < WAITING;
    Py_XDECREF(waiting);
    return room && !PyErr_Occurred();
}

/* Python's blocks, or None where counting has cost too much; NULL with an exception. */
static PyObject *
blocks_now(Trigger *trigger)
{
    if (trigger->blocks_cost >= trigger->cheap || !(arenas_known() || may_count_blocks()))
        return Py_NewRef(Py_None);
    double begun = processor_seconds();
    PyObject *blocks = PyObject_CallNoArgs(trigger->count_blocks);
    trigger->blocks_cost = Py_MAX(0.0, processor_seconds() - begun);
    return blocks;
}

static bool
put_record(Trigger *trigger)
{
    PyObject *blocks = has_room(trigger) ? blocks_now(trigger) : NULL;
    PyObject *fields = blocks ? Py_BuildValue("((dOd))", monotonic_seconds(), blocks, trigger->blocks_cost) : NULL;
    PyObject *record = fields ? PyTuple_Type.tp_new((PyTypeObject *)trigger->record, fields, NULL) : NULL;
    if (record && PyObject_GC_IsTracked(record)) /* numbers alone: no object more for a program that counts its own */
        PyObject_GC_UnTrack(record);
    PyObject *done = record ? PyObject_CallMethod(trigger->queue, "put", "(O)", record) : NULL;
    Py_XDECREF(blocks);
    Py_XDECREF(fields);
    Py_XDECREF(record);
    Py_XDECREF(done);
    return done != NULL;
}

static void
full_collection(Trigger *trigger, bool begins)
{
    if (begins) {
        trigger->begun = monotonic_seconds();
        return;
    }
    if (trigger->begun > 0) /* not where this was attached in the middle of a collection */
        trigger->seconds += monotonic_seconds() - trigger->begun;
    trigger->begun = 0;
    if (!trigger->retired && !is_quiet(trigger) && !put_record(trigger))
        trigger->dropped++;
    PyErr_Clear(); /* a lack of memory */
}

static PyObject *
trigger_call(PyObject *self, PyObject *const *args, size_t given, PyObject *names)
{
    Trigger *trigger = (Trigger *)self;
    if (PyVectorcall_NARGS(given) != 2 || names || !PyUnicode_Check(args[0]) || !PyDict_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "what the collector says is needed: a phase, and a dict");
        return NULL;
    }
    if (trigger->on_any && trigger->on_any != Py_None)
        see_to_on_any(trigger);
    PyObject *generation = PyDict_GetItemWithError(args[1], trigger->generation);
    int too_large = 0;
    if (generation == NULL || !PyLong_CheckExact(generation))
        PyErr_Clear();
    else if (PyLong_AsLongAndOverflow(generation, &too_large) >= OLDEST)
        full_collection(trigger, PyUnicode_CompareWithASCIIString(args[0], "start") == 0);
    Py_RETURN_NONE;
}

/* ---- the type ---- */

static PyObject *
trigger_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    PyObject *queue, *quiet, *count_blocks, *record;
    double cheap;
    if (keywords && PyDict_GET_SIZE(keywords)) {
        PyErr_SetString(PyExc_TypeError, "Trigger() takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "OO!OO!d:Trigger", &queue, &PyDict_Type, &quiet, &count_blocks, &PyType_Type, &record,
                          &cheap))
        return NULL;
    if (!PyCFunction_Check(count_blocks) || !PyType_IsSubtype((PyTypeObject *)record, &PyTuple_Type)) {
        PyErr_SetString(PyExc_TypeError, "a C function and a class made from tuple are needed");
        return NULL;
    }
    Trigger *made = (Trigger *)type->tp_alloc(type, 0);
    PyObject *generation = made ? PyUnicode_InternFromString("generation") : NULL;
    if (generation == NULL) {
        Py_XDECREF(made);
        return NULL;
    }
    made->call = trigger_call;
    made->queue = Py_NewRef(queue);
    made->quiet = Py_NewRef(quiet);
    made->count_blocks = Py_NewRef(count_blocks);
    made->record = Py_NewRef(record);
    made->generation = generation;
    made->cheap = cheap;
    return (PyObject *)made;
}

static int
trigger_traverse(PyObject *self, visitproc visit, void *arg)
{
    Trigger *trigger = (Trigger *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(trigger->queue);
    Py_VISIT(trigger->quiet);
    Py_VISIT(trigger->count_blocks);
    Py_VISIT(trigger->record);
    Py_VISIT(trigger->on_any);
    return 0;
}

/* A cycle leads through on_any alone, or through what a program has put into the queue. */
static int
trigger_clear(PyObject *self)
{
    Py_CLEAR(((Trigger *)self)->on_any);
    return 0;
}

static void
trigger_dealloc(PyObject *self)
{
    Trigger *trigger = (Trigger *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(trigger->queue);
    Py_XDECREF(trigger->quiet);
    Py_XDECREF(trigger->count_blocks);
    Py_XDECREF(trigger->record);
    Py_XDECREF(trigger->on_any);
    Py_XDECREF(trigger->generation);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Trigger, call), READONLY, NULL},
    {"queue", T_OBJECT_EX, offsetof(Trigger, queue), 0, "The SimpleQueue that gets the records."},
    {"on_any", T_OBJECT, offsetof(Trigger, on_any), 0, "Called once, at the next collection of any generation."},
    {"begun", T_DOUBLE, offsetof(Trigger, begun), 0, "When a full collection has begun, 0 while there is none."},
    {"seconds", T_DOUBLE, offsetof(Trigger, seconds), READONLY, "Time spent in full collections."},
    {"blocks_cost", T_DOUBLE, offsetof(Trigger, blocks_cost), 0, "Seconds that the last count of blocks took."},
    {"dropped", T_PYSSIZET, offsetof(Trigger, dropped), READONLY, "Records that found the queue full."},
    {"retired", T_BOOL, offsetof(Trigger, retired), 0, "Whether nobody reads the queue any more."},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(after_fork_doc, "after_fork(frame, /)\n--\n\n"
                             "Have on_any called once the fork is over, by the frame that forks; None: soon.");

static PyMethodDef methods[] = {
    {"after_fork", trigger_after_fork, METH_O, after_fork_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(trigger_doc, "Trigger(queue, quiet, count_blocks, record, cheap)\n--\n\n"
                          "An entry of gc.callbacks that runs no bytecode; see backend/meters/gc_callback.py.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)trigger_doc},   {Py_tp_new, trigger_new},     {Py_tp_dealloc, trigger_dealloc},
    {Py_tp_traverse, trigger_traverse}, {Py_tp_clear, trigger_clear}, {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, members},           {Py_tp_methods, methods},     {0, NULL},
};

static PyType_Spec spec = {
    .name = "memwatch.backend._native.Trigger",
    .basicsize = sizeof(Trigger),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

PyObject *
trigger_type(PyObject *module)
{
    return PyType_FromModuleAndSpec(module, &spec, NULL);
}
