/* What the sampler has to know of the insides of CPython, version by version: frames, thread states, code objects.
 *
 * A frame is read where it lies, without the functions that make an object of it: those allocate, and the reader
 * stands inside an allocation. None of it is believed before frames_check() has held it against those functions. */
#ifndef MEMWATCH_SAMPLING_VERSION_H
#define MEMWATCH_SAMPLING_VERSION_H

#include "../version.h"

/* Only as far as it is read. */
typedef struct Frame {
#if PY_VERSION_HEX >= 0x030C0000
    PyObject *executable; /* a code object, or None */
    struct Frame *previous;
    void *own[5];
#else
    void *own[4];
    PyObject *executable;
    void *object;
    struct Frame *previous;
#endif
    const char *instruction; /* the one that runs, or the last bytes that belong to it */
    int top;
#if PY_VERSION_HEX >= 0x030C0000
    uint16_t return_offset;
#else
    bool is_entry;
#endif
    char owner;
} Frame;

#define OWNER_GENERATOR 1
#define OWNER_C_STACK 3

/* A frame is taken off before it is cleared; 3.11.0 did it the other way round. */
static inline bool
frames_are_whole(void)
{
    return Py_Version >= 0x030B0100;
}

static inline Frame *
innermost_frame(PyThreadState *thread)
{
#if PY_VERSION_HEX >= 0x030D0000
    return (Frame *)thread->current_frame;
#else
    return thread->cframe ? (Frame *)thread->cframe->current_frame : NULL;
#endif
}

/* The code that *frame* runs; NULL for one that is not ready, or that is no Python function's. */
static inline PyCodeObject *
code_of(const Frame *frame)
{
    if (frame->owner == OWNER_C_STACK || frame->executable == NULL || !PyCode_Check(frame->executable))
        return NULL;
    PyCodeObject *code = (PyCodeObject *)frame->executable;
    bool ready = frame->owner == OWNER_GENERATOR ||
                 frame->instruction >= code->co_code_adaptive + 2 * (Py_ssize_t)code->_co_firsttraceable;
    return ready ? code : NULL;
}

/* Which of the code's two-byte units *frame* runs. */
static inline uint32_t
unit_of(const Frame *frame, const PyCodeObject *code)
{
    return (uint32_t)((frame->instruction - code->co_code_adaptive) / 2);
}

/* The state of the thread that runs this, whether it holds the GIL or not; NULL where Python does not know it.
 *
 * 3.11 has one current state for the whole process: without the GIL it is another thread's. The state that a thread
 * keeps for itself is always its own, and nobody else changes its frames. */
static inline PyThreadState *
own_thread_state(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyThreadState *attached = PyThreadState_GetUnchecked();
    return attached ? attached : PyGILState_GetThisThreadState();
#elif PY_VERSION_HEX >= 0x030C0000
    PyThreadState *attached = _PyThreadState_UncheckedGet();
    return attached ? attached : PyGILState_GetThisThreadState();
#else
    return PyGILState_GetThisThreadState();
#endif
}

static inline bool
interpreter_is_ending(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing();
#else
    return _Py_IsFinalizing();
#endif
}

/* What tells a code object from another one that gets its address after it has died. From 3.12 on there is a number
 * for the purpose. */
static inline uint32_t
code_fingerprint(PyCodeObject *code)
{
#if PY_VERSION_HEX >= 0x030C0000
    if (code->co_version)
        return code->co_version;
#endif
    uint64_t mixed = (uintptr_t)code->co_qualname;
    mixed = mixed * 0x9E3779B97F4A7C15u ^ (uintptr_t)code->co_filename;
    mixed = mixed * 0x9E3779B97F4A7C15u ^ (uintptr_t)code->co_linetable;
    mixed = mixed * 0x9E3779B97F4A7C15u ^ (uintptr_t)code->co_names;
    mixed = mixed * 0x9E3779B97F4A7C15u ^ (uintptr_t)code->co_consts;
    mixed = mixed * 0x9E3779B97F4A7C15u ^ ((uint64_t)Py_SIZE(code) << 32 | (uint32_t)code->co_firstlineno);
    return (uint32_t)(mixed * 0x9E3779B97F4A7C15u >> 32);
}

/* Have *callback* called for each code object of this interpreter that comes or dies: a number for code_unwatch(), or
 * -1 where that cannot be had. Before 3.12 it cannot inside an allocation; there the fingerprint has to do. */
#if PY_VERSION_HEX >= 0x030C0000
static inline int
code_watch(int (*callback)(PyCodeEvent, PyCodeObject *))
{
    int number = PyCode_AddWatcher(callback);
    if (number < 0)
        PyErr_Clear();
    return number;
}

static inline void
code_unwatch(int number)
{
    if (number >= 0 && PyCode_ClearWatcher(number) < 0)
        PyErr_Clear();
}
#else
typedef enum { PY_CODE_EVENT_CREATE, PY_CODE_EVENT_DESTROY } PyCodeEvent;

static inline int
code_watch(int (*callback)(PyCodeEvent, PyCodeObject *))
{
    (void)callback;
    return -1;
}

static inline void
code_unwatch(int number)
{
    (void)number;
}
#endif

#endif
