/* What the sampler alone has to know of the insides of CPython, version by version: thread states, code objects, which
 * frames are at work. ../core/version.h has the frames themselves.
 *
 * A frame is read where it lies, without the functions that make an object of it: those allocate, and the reader
 * stands inside an allocation. None of it is believed before frames_check() has held it against those functions. */
#ifndef MEMWATCH_SAMPLING_VERSION_H
#define MEMWATCH_SAMPLING_VERSION_H

#include "core/version.h"

/* A frame is taken off before it is cleared; 3.11.0 did it the other way round. */
static inline bool
frames_are_whole(void)
{
    return Py_Version >= 0x030B0100;
}

/* Which of the code's two-byte units *frame* runs. */
static inline uint32_t
unit_of(const InterpreterFrame *frame, const PyCodeObject *code)
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

/* The state of the thread that runs this, if it has the GIL; else NULL. */
static inline PyThreadState *
attached_thread_state(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked();
#elif PY_VERSION_HEX >= 0x030C0000
    return _PyThreadState_UncheckedGet();
#else
    PyThreadState *own = PyGILState_GetThisThreadState();
    return own == _PyThreadState_UncheckedGet() ? own : NULL;
#endif
}

/* The head of a context variable. While it is set or reset nothing is cached in it, and what it holds next is being
 * made: who looks then leaves the old value in the cache, where it is found ever after. */
#ifndef Py_GIL_DISABLED
typedef struct {
    PyObject_HEAD
    PyObject *name;
    PyObject *initial;
    PyObject *cached; /* borrowed */
} ContextVariable;
#endif

/* Whether *object*, a context variable with a number to begin with, looks as described. */
static inline bool
context_variable_is_whole(PyObject *object)
{
#ifndef Py_GIL_DISABLED
    const ContextVariable *variable = (ContextVariable *)object;
    return PyUnicode_CheckExact(variable->name) && variable->initial && PyLong_CheckExact(variable->initial);
#else
    return PyContextVar_CheckExact(object);
#endif
}

/* What the variable *object* holds in this thread, which has the GIL: a new reference, NULL for nothing. */
static inline PyObject *
context_value(PyObject *object)
{
    PyObject *value = NULL;
#ifndef Py_GIL_DISABLED
    ContextVariable *variable = (ContextVariable *)object;
    bool is_cached = variable->cached != NULL;
    if (PyContextVar_Get(object, NULL, &value) < 0)
        value = NULL;
    if (!is_cached)
        variable->cached = NULL;
#else
    if (PyContextVar_Get(object, NULL, &value) < 0)
        value = NULL;
#endif
    return value;
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

/* Whether *frame* is no function's: it marks the place at which C code has called the interpreter. */
static inline bool
is_entry_frame(const InterpreterFrame *frame)
{
    return frame->owner >= OWNED_BY_C;
}

/* ---- codes that die ---- */

/* What tells a code object from another one that gets its address after it has died unseen. From 3.12 on there is a
 * number for the purpose; before, none dies unseen. */
static inline uint32_t
code_fingerprint(PyCodeObject *code)
{
#if PY_VERSION_HEX >= 0x030C0000
    if (code->co_version)
        return code->co_version;
    uint64_t mixed = (uintptr_t)code->co_qualname;
    mixed = mixed * 0x9E3779B97F4A7C15u ^ (uintptr_t)code->co_filename;
    mixed = mixed * 0x9E3779B97F4A7C15u ^ (uintptr_t)code->co_linetable;
    mixed = mixed * 0x9E3779B97F4A7C15u ^ (uintptr_t)code->co_names;
    mixed = mixed * 0x9E3779B97F4A7C15u ^ (uintptr_t)code->co_consts;
    mixed = mixed * 0x9E3779B97F4A7C15u ^ ((uint64_t)Py_SIZE(code) << 32 | (uint32_t)code->co_firstlineno);
    return (uint32_t)(mixed * 0x9E3779B97F4A7C15u >> 32);
#else
    (void)code;
    return 0;
#endif
}

/* What the collector has before each object that it tracks. Free-threaded Python finds them by their blocks. */
#ifdef Py_GIL_DISABLED
#define COLLECTORS_HEAD 0
#else
#define COLLECTORS_HEAD 16
#endif

/* Whether what lies where *object* has its references counted is a number of them, and no pointer: the items of a list
 * that has a type among them are no object. The lowest pointers are those of an executable with a fixed address,
 * which begins at 4 MiB. */
static inline bool
may_count(const PyObject *object)
{
#ifdef Py_GIL_DISABLED
    return (uint64_t)object->ob_ref_shared >> 2 < 1 << 20 && object->ob_gc_bits < 128;
#else
    uint64_t count = (uint64_t)object->ob_refcnt;
#if PY_VERSION_HEX >= 0x030E0000
    count |= (uint64_t)object->ob_overflow << 32;
#endif
    bool is_pointer = count > UINT32_MAX || (count >= 1 << 22 && count % 8 == 0 && !IS_IMMORTAL((PyObject *)object));
    return count > 0 && !is_pointer;
#endif
}

/* Forget by which addresses the names of attributes were looked up. Other threads look there without a GIL, and what
 * goes stale there is let be. */
static inline void
forget_looked_up(void)
{
#ifndef Py_GIL_DISABLED
    PyType_ClearCache();
#endif
}

/* Have *callback* called for each code object that dies, while it is still whole; code_unwatch() ends it, with the
 * number that this answers, -1 where it cannot be had.
 *
 * From 3.12 on each interpreter tells of its own. Without a GIL another thread may be about to call it at any moment:
 * there it stays for ever. 3.11 tells nobody: there the type's way to end one is wrapped, for all interpreters, which
 * share the type and the GIL. */
#ifdef Py_GIL_DISABLED
#define WATCHES_FOR_EVER true
#else
#define WATCHES_FOR_EVER false
#endif
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
    if (number >= 0 && !WATCHES_FOR_EVER && PyCode_ClearWatcher(number) < 0)
        PyErr_Clear();
}

/* Whether the deaths of codes that *thread* runs are told to those who watch the main interpreter. */
static inline bool
deaths_are_told(const PyThreadState *thread)
{
    return thread->interp == PyInterpreterState_Main();
}
#else
typedef enum { PY_CODE_EVENT_CREATE, PY_CODE_EVENT_DESTROY } PyCodeEvent;

typedef struct {
    int (*callback)(PyCodeEvent, PyCodeObject *);
    destructor original;
} CodeWatch;

CodeWatch code_watched __attribute__((weak, visibility("hidden"))); /* one for all files */

static inline void
code_dies(PyObject *code)
{
    code_watched.callback(PY_CODE_EVENT_DESTROY, (PyCodeObject *)code);
    code_watched.original(code);
}

/* Where somebody has wrapped our function in turn it stays for ever, and is called. */
static inline int
code_watch(int (*callback)(PyCodeEvent, PyCodeObject *))
{
    code_watched.callback = callback;
    if (code_watched.original == NULL) {
        code_watched.original = PyCode_Type.tp_dealloc;
        PyCode_Type.tp_dealloc = code_dies;
    }
    return 0;
}

static inline void
code_unwatch(int number)
{
    if (number == 0 && PyCode_Type.tp_dealloc == code_dies) {
        PyCode_Type.tp_dealloc = code_watched.original;
        code_watched.original = NULL;
    }
}

static inline bool
deaths_are_told(const PyThreadState *thread)
{
    return thread != NULL;
}
#endif

#endif
