/* The claims of version.h about frames, held against the interpreter before sampling starts. See frames.h. */
#include "sampling/frames.h"

/* One frame after the other, by the struct and by the interpreter's own functions: as soon as they differ, no
 * pointer is followed any more. */
bool
frames_check(void)
{
    PyThreadState *thread = PyThreadState_Get();
    PyFrameObject *known = PyThreadState_GetFrame(thread);
    InterpreterFrame *frame = innermost_frame(thread);
    bool good = own_thread_state() == thread && known != NULL;
    for (int met = 0; good && known && met < 8;) {
        PyCodeObject *expected = PyFrame_GetCode(known), *code = frame ? running_code(frame) : NULL;
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
