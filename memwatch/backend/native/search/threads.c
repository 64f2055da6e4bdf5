/* What threads hold: the variables of the functions that they run, read from the frames themselves. See search.h.
 *
 * No frame object is made, and no dict of variables, which could outlive the look. A function that is calling another
 * one has saved what it computes with: an iterator, a context manager's exit, arguments. One that is at work inside C
 * has not; what only such a one holds is found in unreached.c. */
#include "search/search.h"

typedef struct {
    const InterpreterFrame *frame;
    bool calls; /* another function, with no C code in between */
} Running;

/* Whether *frame* runs code of memwatch, whose namespaces are left out of the search. */
static bool
is_own_frame(const Search *search, const InterpreterFrame *frame)
{
    return frame->globals && marks_has(&search->walk.marks, frame->globals) &&
           pointers_find(&search->walk.hidden, frame->globals);
}

static bool
enter_value(Search *search, PyObject *value, int32_t variable)
{
    if (value && PyCell_Check(value) && !search_root(search, PyCell_GET(value), variable))
        return false;
    return search_root(search, value, variable);
}

static bool
enter_frame(Search *search, const Running *running)
{
    const InterpreterFrame *frame = running->frame;
    const PyCodeObject *code = running_code(frame);
    for (int place = 0; place < code->co_nlocalsplus; place++)
        if (!enter_value(search, object_of(frame->values[place]), place))
            return false;
    Py_ssize_t top = values_there(frame, code, running->calls);
    for (Py_ssize_t place = code->co_nlocalsplus; place < top; place++)
        if (!search_root(search, object_of(frame->values[place]), COMPUTED))
            return false;
    if (frame->names && frame->names != frame->globals && !search_root(search, frame->names, NAMESPACE))
        return false;
    return search_root(search, object_of(frame->function), COMPUTED) &&
           search_root(search, object_of(frame->code), COMPUTED);
}

/* The frames of *thread* as a row of Running, the innermost first. Those that the interpreter puts in between, as
 * around a new instance's __init__, have no globals. */
static bool
list_frames(Search *search, const PyThreadState *thread, Row *frames)
{
    bool calls = false;
    for (InterpreterFrame *frame = innermost_frame(thread); frame;
         calls = code_of(frame) != NULL, frame = frame->previous) {
        if (running_code(frame) == NULL)
            continue;
        Running *running = row_add(search->walk.memory, frames);
        if (running == NULL) {
            search->walk.failed = true;
            return false;
        }
        *running = (Running){frame, calls};
    }
    return true;
}

/* A root of its own, unless the collector does not track it: then no census has seen what it holds. */
static bool
enter_tracked(Search *search, Label label, RootKind kind, PyObject *object)
{
    if (object == NULL || !PyObject_GC_IsTracked(object))
        return true;
    label.kind = kind;
    return search_label(search, label) && search_root(search, object, NO_VARIABLE);
}

/* What a thread has beside its functions. */
static bool
enter_state(Search *search, const PyThreadState *thread, Label label)
{
    bool good = enter_tracked(search, label, ROOT_CONTEXT, thread->context);
    for (_PyErr_StackItem *handled = thread->exc_info; good && handled; handled = handled->previous_item)
        good = enter_tracked(search, label, ROOT_EXCEPTION, handled->exc_value);
    return good && enter_tracked(search, label, ROOT_THREAD, thread->dict) &&
           enter_tracked(search, label, ROOT_THREAD, thread->c_profileobj) &&
           enter_tracked(search, label, ROOT_THREAD, thread->c_traceobj);
}

static bool
enter_thread(Search *search, const PyThreadState *thread, bool own)
{
    Row frames = {.stride = sizeof(Running)};
    Label label = {.main_thread = thread->thread_id == search->main_thread};
    bool good = list_frames(search, thread, &frames);
    const Running *all = (Running *)frames.data;
    bool whole = frames.used && is_own_frame(search, all[frames.used - 1].frame); /* memwatch's own thread */
    for (size_t place = frames.used; good && place-- > 0;) {
        const InterpreterFrame *frame = all[place].frame;
        if ((whole || is_own_frame(search, frame)) != own)
            continue;
        label.kind = own ? ROOT_OWN : ROOT_FRAME;
        label.code = object_of(frame->code);
        label.globals = frame->globals;
        good = search_label(search, label) && enter_frame(search, all + place);
    }
    label.code = label.globals = NULL;
    if (good && whole == own)
        good = enter_state(search, thread, label);
    row_free(search->walk.memory, &frames);
    return good;
}

bool
search_threads(Search *search, bool own)
{
    bool good = true;
    for (int turn = 0; turn < 2; turn++) { /* the main thread comes first */
        PyThreadState *thread = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
        for (; good && thread; thread = PyThreadState_Next(thread))
            if ((thread->thread_id == search->main_thread) == (turn == 0))
                good = enter_thread(search, thread, own);
    }
    return good;
}
