/* Walks the frames of the thread that it runs in. See frames.h.
 *
 * Nobody else changes these frames, and each of them keeps its code alive, so that borrowed pointers will do until
 * the hook returns. A frame that is being made or shut down is passed over. */
#include "frames.h"

static inline uint32_t
unit_of(const Frame *frame, const PyCodeObject *code)
{
    return (uint32_t)((frame->instruction - code->co_code_adaptive) / 2);
}

void
frames_walk(Trail *trail, int depth)
{
    trail->depth = 0;
    trail->cut = false;
    PyThreadState *thread = own_thread_state();
    for (Frame *frame = thread ? innermost_frame(thread) : NULL; frame; frame = frame->previous) {
        PyCodeObject *code = code_of(frame);
        if (code == NULL)
            continue;
        if (trail->depth == depth) {
            trail->cut = true;
            return;
        }
        trail->steps[trail->depth++] = (Step){code, unit_of(frame, code), code_fingerprint(code)};
    }
}

/* One frame after the other, by the struct and by the interpreter's own functions: as soon as they differ, no
 * pointer is followed any more. */
bool
frames_check(void)
{
    PyThreadState *thread = PyThreadState_Get();
    PyFrameObject *known = PyThreadState_GetFrame(thread);
    Frame *frame = innermost_frame(thread);
    bool good = own_thread_state() == thread && known != NULL;
    for (int met = 0; good && known && met < 8;) {
        PyCodeObject *expected = PyFrame_GetCode(known), *code = frame ? code_of(frame) : NULL;
        if (frame && code == NULL) {
            frame = frame->previous;
            Py_DECREF(expected);
            continue;
        }
        good = code == expected && (int)unit_of(frame, code) * 2 == PyFrame_GetLasti(known);
        PyFrameObject *back = PyFrame_GetBack(known);
        Py_SETREF(known, back);
        Py_DECREF(expected);
        frame = good ? frame->previous : NULL;
        met++;
    }
    Py_XDECREF(known);
    if (!good)
        PyErr_SetString(PyExc_RuntimeError, "the frames of this Python are not where they should be");
    return good;
}
