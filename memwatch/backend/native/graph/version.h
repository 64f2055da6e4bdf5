/* What the names of a heap snapshot have to know of the insides of CPython, version by version. See core/version.h. */
#ifndef MEMWATCH_GRAPH_VERSION_H
#define MEMWATCH_GRAPH_VERSION_H

#include "core/version.h"

/* The frame that *object*, a frame or something that is suspended, keeps; NULL where that cannot be told. */
static inline const InterpreterFrame *
kept_frame(PyObject *object)
{
    if (PyFrame_Check(object)) { /* its second field, behind the frame that called it */
        const InterpreterFrame *frame = ((InterpreterFrame **)(object + 1))[1];
        return frame && frame->object == object ? frame : NULL;
    }
    if (!PyGen_CheckExact(object) && !PyCoro_CheckExact(object) && !PyAsyncGen_CheckExact(object))
        return NULL;
#if PY_VERSION_HEX >= 0x030E0000 /* where the struct is not public, and the code stays until the end */
    Py_ssize_t before_values = Py_TYPE(object)->tp_basicsize - (Py_ssize_t)offsetof(InterpreterFrame, values);
    return (const InterpreterFrame *)((char *)object + before_values);
#else
    const PyGenObject *suspended = (const PyGenObject *)object;
    return suspended->gi_frame_state < 0 ? (const InterpreterFrame *)suspended->gi_iframe : NULL;
#endif
}

/* The `__dict__` of an instance that keeps it in front of itself; NULL where there is none, or it lies elsewhere. */
static inline PyObject *
managed_dict(PyObject *object)
{
    if (!(Py_TYPE(object)->tp_flags & Py_TPFLAGS_MANAGED_DICT))
        return NULL;
    uintptr_t held = ((uintptr_t *)object)[-3];
    return held & 1 ? NULL : (PyObject *)held;
}

/* The value of an int of one digit. */
static inline long long
small_int(PyObject *number)
{
#if PY_VERSION_HEX >= 0x030C0000
    long long sign = 1 - (long long)(((PyLongObject *)number)->long_value.lv_tag & 3);
    return sign * (long long)((PyLongObject *)number)->long_value.ob_digit[0];
#else
    return Py_SIZE(number) * (long long)((PyLongObject *)number)->ob_digit[0];
#endif
}

#endif
