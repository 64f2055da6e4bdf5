/* What threads hold: the variables of the functions that they run, read from the frames themselves. See search.h.
 *
 * No frame object is made, and no dict of variables, which could outlive the look. A function that is calling another
 * one has saved what it computes with: an iterator, a context manager's exit, arguments. One that is at work inside C
 * has not; what only such a one holds is found in unreached.c. */
#include "search.h"

/* Whether *frame* runs code of memwatch, whose namespaces are left out of the search. */
static bool
is_own_frame(const Search *search, const Frame *frame)
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
enter_frame(Search *search, const Frame *frame, const PyCodeObject *code)
{
    for (int place = 0; place < code->co_nlocalsplus; place++)
        if (!enter_value(search, frame->values[place], place))
            return false;
    int top = Py_MIN(frame->top, code->co_nlocalsplus + code->co_stacksize);
    for (int place = code->co_nlocalsplus; place < top; place++)
        if (!search_root(search, frame->values[place], COMPUTED))
            return false;
    if (frame->names && frame->names != frame->globals && !search_root(search, frame->names, NAMESPACE))
        return false;
    return search_root(search, frame->function, COMPUTED) && search_root(search, frame->code, COMPUTED);
}

/* The frames of *thread* as a row, the innermost first. */
static bool
list_frames(Search *search, const PyThreadState *thread, Row *frames)
{
    for (Frame *frame = innermost_frame(thread); frame; frame = frame->previous)
        if (code_of(frame) && !row_push(search->walk.memory, frames, frame)) {
            search->walk.failed = true;
            return false;
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
    Row frames = {.stride = sizeof(Frame *)};
    Label label = {.main_thread = thread->thread_id == search->main_thread};
    bool good = list_frames(search, thread, &frames);
    Frame **all = (Frame **)frames.data;
    bool whole = frames.used && is_own_frame(search, all[frames.used - 1]); /* memwatch's own thread */
    for (size_t place = frames.used; good && place-- > 0;) {
        if ((whole || is_own_frame(search, all[place])) != own)
            continue;
        label.kind = own ? ROOT_OWN : ROOT_FRAME;
        label.code = all[place]->code;
        label.globals = all[place]->globals;
        good = search_label(search, label) && enter_frame(search, all[place], code_of(all[place]));
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
