/* Births by a reference tracer: a function that CPython calls for each object that it makes. Since 3.13.
 *
 * A process has one tracer. Where there is one already, ours calls it after itself, with its own data, and puts it back
 * at the end. Another one that comes later takes the place of ours; it is for that one to call ours or not, which
 * cannot be known: so births are sure only as long as ours is the first to be called. Such a one may keep ours and call
 * it at any time. Therefore what ours needs is never freed before its place is given back, and it is idle without an
 * epoch. Each installation has its own record, so that two of them never call each other in a circle.
 *
 * The tracer may run in several interpreters at once; in the shadow all enter what they make, in the marks only the one
 * that watches. It never fails: without memory the births of the time are unsure. */
#include "identity/births.h"

#if TRACES_BIRTHS

#define INSTALLATIONS 32

/* What comes after ours. */
typedef struct {
    PyRefTracer tracer;
    void *data;
} After;

static After after[INSTALLATIONS];
static size_t installed; /* of them; the last may be the process's tracer */

static int
trace(PyObject *object, PyRefTracerEvent event, void *Py_UNUSED(data))
{
    if (event == PyRefTracer_CREATE && !shadow_enter(object))
        birth(object);
    return 0;
}

static int
trace_and_go_on(PyObject *object, PyRefTracerEvent event, void *data)
{
    const After *next = data;
    trace(object, event, NULL);
    return next->tracer(object, event, next->data);
}

static bool
is_first(void)
{
    void *data;
    PyRefTracer tracer = PyRefTracer_GetTracer(&data);
    return tracer == trace || tracer == trace_and_go_on;
}

bool
watcher_prepare(void)
{
    return true;
}

bool
watcher_begin(void)
{
    shadow_reserve(&births.memory, (uintptr_t)births.collector.behind->callbacks); /* an object like others */
    if (is_first())
        return true;
    births_are_unsure(); /* for those that watch already */
    births.latest->unsure = false;
    if (installed == INSTALLATIONS)
        return false;
    After *next = &after[installed];
    next->tracer = PyRefTracer_GetTracer(&next->data);
    if (PyRefTracer_SetTracer(next->tracer ? trace_and_go_on : trace, next) < 0)
        return false;
    installed++;
    return true;
}

bool
watcher_look(void)
{
    return is_first();
}

void
watcher_end(void)
{
    void *data;
    if (installed == 0 || !is_first())
        return;
    PyRefTracer_GetTracer(&data);
    const After *next = &after[installed - 1];
    if (data == next && PyRefTracer_SetTracer(next->tracer, next->data) == 0)
        installed--;
}

bool
watcher_leave_out(Walk *Py_UNUSED(walk))
{
    return true;
}

void
watcher_forget(void)
{
}

#endif
