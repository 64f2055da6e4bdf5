/* What the versions of CPython do differently, and what they keep to themselves: the one place for both.
 *
 * The public headers do not tell how the collector links its objects, how a dict lays out its keys and where an
 * instance keeps its attributes. The structs below describe it for 3.11 to 3.15 with the GIL, 64 bits (without one, for
 * 3.13, frames alone). None of it is believed: check.c compares every struct with a living interpreter when the
 * extension is imported, and refuses to load where one does not fit. Others stop here, and get the pure backend. */
#ifndef MEMWATCH_VERSION_H
#define MEMWATCH_VERSION_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <structmember.h>

#if PY_VERSION_HEX < 0x030B0000 || PY_VERSION_HEX >= 0x03100000
#error "memwatch: this version of CPython is not known to the native backend"
#endif
#if defined(Py_TRACE_REFS) || SIZEOF_VOID_P != 8 || defined(_WIN32)
#error "memwatch: the native backend knows 64-bit POSIX builds alone"
#endif

/* ---- the collector ---- */

/* Stands in front of each object that can be tracked. `next` is 0 while the object is not; the two low bits of `prev`
 * are flags. Later releases of 3.13 lay it down at any multiple of 4, as the head of a generation; census/version.h. */
typedef struct { /* PyGC_Head: pycore_gc.h, from 3.14 on pycore_interp_structs.h */
    uintptr_t next;
    uintptr_t prev;
} GCHead __attribute__((aligned(4)));

#define PREV_FLAGS ((uintptr_t)3)
#define HEAD_OF(object) ((GCHead *)(object) - 1)
#define OBJECT_OF(link) ((PyObject *)((link) + 1))

/* ---- dicts and attributes ---- */

typedef struct { /* struct _dictkeysobject: pycore_dict.h */
    Py_ssize_t references;
    uint8_t log2_size;
    uint8_t log2_index_bytes;
    uint8_t kind; /* 0: any keys, in entries of three words; else str alone, in entries of two */
    uint32_t version;
    Py_ssize_t usable;
    Py_ssize_t entries;
    char indices[];
} DictKeys;

#define KEYS_OF(dict) ((DictKeys *)((PyDictObject *)(dict))->ma_keys)
#define ROUND_UP_8(bytes) (((bytes) + 7) & ~(Py_ssize_t)7)

/* The values of a dict that shares its keys with others. */
static inline PyObject **
values_of(PyDictObject *dict)
{
#if PY_VERSION_HEX >= 0x030D0000
    return (PyObject **)((char *)dict->ma_values + sizeof(PyObject *)); /* four bytes of counts, padded */
#else
    return (PyObject **)dict->ma_values;
#endif
}

/* Whether an instance's values stand in its own block, and a BytesIO shows its bytes, which its method counts too. */
#define VALUES_ARE_INSIDE (PY_VERSION_HEX >= 0x030D0000)
#define STREAM_SHOWS_BYTES (PY_VERSION_HEX >= 0x030C0000)

/* Bytes that *values*, shared by keys of which *usable* fit, take from the allocator. */
static inline Py_ssize_t
values_size(const void *values, Py_ssize_t usable)
{
#if PY_VERSION_HEX >= 0x030D0000
    const uint8_t *counts = values; /* how many fit, how many are there, inside the instance?, valid? */
    (void)usable;
    return ROUND_UP_8(counts[0]) + (counts[0] + 1) * 8;
#else
    /* The bytes before it end in the length of this prefix, which is (how many fit) + 2, rounded up. */
    Py_ssize_t prefix = ((const uint8_t *)values)[-1];
    Py_ssize_t fit = Py_MAX(prefix - 9, Py_MIN(prefix - 2, usable));
    return prefix + fit * 8;
#endif
}

/* What a dict's `ma_values` take beside the dict: nothing where they lie inside the instance. */
static inline Py_ssize_t
split_values_size(PyDictObject *dict)
{
#if PY_VERSION_HEX >= 0x030D0000
    if (((const uint8_t *)dict->ma_values)[2])
        return 0;
#endif
    return values_size(dict->ma_values, KEYS_OF(dict)->usable + KEYS_OF(dict)->entries);
}

#ifndef Py_TPFLAGS_MANAGED_DICT /* limited headers */
#define Py_TPFLAGS_MANAGED_DICT (1UL << 4)
#endif
#ifdef Py_TPFLAGS_PREHEADER
#define TWO_WORDS_BEFORE Py_TPFLAGS_PREHEADER
#else
#define TWO_WORDS_BEFORE Py_TPFLAGS_MANAGED_DICT
#endif
#ifdef Py_TPFLAGS_INLINE_VALUES
#define KEEPS_VALUES Py_TPFLAGS_INLINE_VALUES
#else
#define KEEPS_VALUES Py_TPFLAGS_MANAGED_DICT
#endif

/* The attribute values of an instance of a type with KEEPS_VALUES; NULL where a dict has them. */
static inline const void *
instance_values(PyObject *object)
{
#if PY_VERSION_HEX >= 0x030D0000
    return (char *)object + Py_TYPE(object)->tp_basicsize;
#elif PY_VERSION_HEX >= 0x030C0000
    uintptr_t held = ((uintptr_t *)object)[-3]; /* odd: values, less one; even: a dict */
    return held & 1 ? (const void *)(held + 1) : NULL;
#else
    return ((void **)object)[-4];
#endif
}

/* The attributes themselves of *values*, each NULL or an object; NULL where a dict has taken them over. */
static inline PyObject *const *
value_slots(const void *values)
{
#if PY_VERSION_HEX >= 0x030D0000
    const uint8_t *counts = values;
    return counts[3] ? (PyObject *const *)(counts + sizeof(PyObject *)) : NULL;
#else
    return values;
#endif
}

/* The `__dict__` of an instance whose values lie behind it: it shares them, and tp_traverse shows them, not the dict.
 * NULL where there is none, it is shown, or no backend sees it: an untracked one of a mere few numbers and texts. */
static inline PyObject *
hidden_dict(PyObject *object)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyObject *dict = value_slots(instance_values(object)) ? ((PyObject **)object)[-3] : NULL;
    return dict && PyObject_GC_IsTracked(dict) ? dict : NULL;
#else
    (void)object;
    return NULL;
#endif
}

/* How many attributes *values* of an instance hold; for the check at import. */
static inline int
values_used(const void *values)
{
#if PY_VERSION_HEX >= 0x030D0000
    const uint8_t *counts = values;
    return counts[0] >= counts[1] && counts[2] == 1 && counts[3] == 1 ? counts[1] : -1;
#else
    return ((const uint8_t *)values)[-1] % 8 == 0 ? ((const uint8_t *)values)[-2] : -1;
#endif
}

/* Whether objects of *type* are dicts, which do not show the collector keys that are all str. */
static inline bool
hides_keys(const PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030F0000
    if (PyType_IsSubtype((PyTypeObject *)type, &PyFrozenDict_Type))
        return true;
#endif
    return type->tp_flags & Py_TPFLAGS_DICT_SUBCLASS;
}

/* The namespace of a type, borrowed from it. Static types have one in each interpreter from 3.12 on. */
static inline PyObject *
namespace_of(PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyObject *found = PyType_GetDict(type);
    Py_XDECREF(found); /* the type or the interpreter keeps it */
    return found;
#else
    return type->tp_dict;
#endif
}

/* ---- running functions ---- */

/* A reference as frames hold it. From 3.14 on its two low bits are flags: 01 for one that is not counted, 11 for a
 * number that is no object, 10 for a mark that none but the interpreter's loop sees. */
#if PY_VERSION_HEX >= 0x030E0000
typedef uintptr_t StackRef; /* _PyStackRef: pycore_stackref.h */
#else
typedef PyObject *StackRef;
#endif

/* What *reference* leads to, borrowed; NULL where that is no object. */
static inline PyObject *
object_of(StackRef reference)
{
#if PY_VERSION_HEX >= 0x030E0000
    return reference & 2 ? NULL : (PyObject *)(reference & ~(uintptr_t)1);
#else
    return reference;
#endif
}

/* What a running function has: its code, and from `values` on its variables and then what it computes with. */
typedef struct InterpreterFrame { /* _PyInterpreterFrame: pycore_frame.h, 3.14: pycore_interpframe_structs.h */
#if PY_VERSION_HEX >= 0x030C0000
    StackRef code; /* or something else, where the function is written in C */
    struct InterpreterFrame *previous;
    StackRef function;
    PyObject *globals;
    PyObject *builtins;
    PyObject *names; /* the namespace of a class body or of what exec() runs */
    PyObject *object;
    const char *instruction; /* the one that runs, or the last bytes that belong to it */
#if PY_VERSION_HEX >= 0x030E0000
    StackRef *top; /* the end of what is there of `values` */
#else
    int top; /* how many of `values` are there; not positive while the function is at work */
#endif
    uint16_t offset;
    char owner;
#else
    StackRef function;
    PyObject *globals;
    PyObject *builtins;
    PyObject *names;
    StackRef code;
    PyObject *object;
    struct InterpreterFrame *previous;
    const char *instruction;
    int top;
    bool is_entry;
    char owner;
#endif
    StackRef values[1];
} InterpreterFrame;

static inline InterpreterFrame *
innermost_frame(const PyThreadState *thread)
{
#if PY_VERSION_HEX >= 0x030D0000
    return (InterpreterFrame *)thread->current_frame;
#else
    return thread->cframe ? (InterpreterFrame *)thread->cframe->current_frame : NULL;
#endif
}

/* How many of its values *frame*, which runs *code*, surely has; fewer than its variables where that is not known. From
 * 3.14 on the top is kept while C code is at work too, which may have freed what lies below: it holds where the frame
 * *calls* a function in Python. */
static inline Py_ssize_t
values_there(const InterpreterFrame *frame, const PyCodeObject *code, bool calls)
{
#if PY_VERSION_HEX >= 0x030E0000
    Py_ssize_t top = calls && frame->top ? frame->top - frame->values : 0;
#else
    Py_ssize_t top = frame->top;
    (void)calls;
#endif
    return Py_MIN(top, code->co_nlocalsplus + code->co_stacksize);
}

#define OWNED_BY_GENERATOR 1
#define OWNED_BY_C 3 /* this, and whatever is above */

/* The code of *frame*; NULL where the interpreter has only marked the place at which C code called it. */
static inline PyCodeObject *
code_of(const InterpreterFrame *frame)
{
    PyObject *code = frame->owner < OWNED_BY_C ? object_of(frame->code) : NULL;
    return code && PyCode_Check(code) ? (PyCodeObject *)code : NULL;
}

/* The code that *frame* runs; NULL for one that is not ready, or that is no Python function's. */
static inline PyCodeObject *
running_code(const InterpreterFrame *frame)
{
    PyCodeObject *code = code_of(frame);
    if (code == NULL || frame->owner == OWNED_BY_GENERATOR)
        return code;
    return frame->instruction >= code->co_code_adaptive + 2 * (Py_ssize_t)code->_co_firsttraceable ? code : NULL;
}

/* For core/code_and_locks.h: whether code keeps answers in a block of their own, and what has a lock of the system. */
#define ANSWERS_ARE_APART (PY_VERSION_HEX >= 0x030C0000)
#define LOCKS_ARE_THE_SYSTEMS (PY_VERSION_HEX < 0x030E0000)
#define QUEUES_HAVE_LOCKS (PY_VERSION_HEX < 0x030D0000)

/* ---- the rest ---- */

static inline Py_ssize_t
digits_of(PyObject *number)
{
#if PY_VERSION_HEX >= 0x030C0000
    Py_ssize_t digits = (Py_ssize_t)(((PyLongObject *)number)->long_value.lv_tag >> 3);
    return Py_MAX(digits, 1);
#else
    return Py_ABS(Py_SIZE(number));
#endif
}

#if PY_VERSION_HEX >= 0x030C0000
#define INT_HEAD ((Py_ssize_t)offsetof(PyLongObject, long_value.ob_digit))
#define IS_IMMORTAL(object) _Py_IsImmortal(object)
#else
#define INT_HEAD ((Py_ssize_t)offsetof(PyLongObject, ob_digit))
#define IS_IMMORTAL(object) 0
#endif

/* A str's second form, which only 3.11 still has. */
static inline Py_ssize_t
wide_text_size(PyObject *text)
{
#if PY_VERSION_HEX < 0x030C0000
    PyASCIIObject *head = (PyASCIIObject *)text;
    const void *data = head->state.ready ? PyUnicode_DATA(text) : NULL;
    if (head->wstr && (const void *)head->wstr != data) {
        Py_ssize_t length = head->state.ascii && head->state.compact ? head->length
                                                                     : ((PyCompactUnicodeObject *)text)->wstr_length;
        return (length + 1) * (Py_ssize_t)sizeof(wchar_t);
    }
#else
    (void)text;
#endif
    return 0;
}

/* What a bytearray takes beside itself; from 3.15 on its bytes are an object. */
static inline Py_ssize_t
bytearray_buffer(PyByteArrayObject *array)
{
#if PY_VERSION_HEX >= 0x030F0000
    return array->ob_alloc ? array->ob_alloc + (Py_ssize_t)offsetof(PyBytesObject, ob_sval) + 1 : 0;
#else
    return array->ob_alloc;
#endif
}

/* Whether the characters of *text* can be read; 3.11 still has some that are laid out when they are first needed. */
static inline bool
is_readable(PyObject *text)
{
#if PY_VERSION_HEX < 0x030C0000
    return ((PyASCIIObject *)text)->state.ready;
#else
    return text != NULL;
#endif
}

/* The clock of time.monotonic(), which is that of time.perf_counter() on POSIX. */
static inline double
monotonic_seconds(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyTime_t now;
    return PyTime_Monotonic(&now) < 0 ? 0.0 : PyTime_AsSecondsDouble(now);
#else
    return _PyTime_AsSecondsDouble(_PyTime_GetMonotonicClock());
#endif
}

PyAPI_FUNC(int) _PyOS_IsMainThread(void); /* exported by all of them, told by a header in some */

/* Whether this thread is the one in which Python runs signal handlers. */
static inline bool
runs_signal_handlers(void)
{
    return _PyOS_IsMainThread() && PyInterpreterState_Get() == PyInterpreterState_Main();
}

/* Whether Python's blocks may be counted now, with the GIL. From 3.14 on that looks into the arenas of every
 * interpreter, and one with a GIL of its own may be giving them back. The newest is the head of the list. */
static inline bool
may_count_blocks(void)
{
#if PY_VERSION_HEX >= 0x030E0000
    return PyInterpreterState_Head() == PyInterpreterState_Main();
#else
    return true;
#endif
}

/* Since 3.13 a function can be called for each object that is made; before, births are read off the generations. */
#define TRACES_BIRTHS (PY_VERSION_HEX >= 0x030D0000)

/* NULL where a thread has none. */
static inline PyThreadState *
current_thread(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked();
#else
    return _PyThreadState_UncheckedGet();
#endif
}

/* A number that no other dict has had, and that a dict gets anew with each change; 0 where there is none. */
static inline uint64_t
dict_state(PyObject *dict)
{
#if PY_VERSION_HEX >= 0x030D0000
    (void)dict;
    return 0;
#elif PY_VERSION_HEX >= 0x030C0000
    return ((uint64_t *)dict)[3] >> 8; /* below: who watches it */
#else
    return ((uint64_t *)dict)[3];
#endif
}

/* In 3.12.0 to 3.12.5 the module _asyncio shows objects that are freed already; it must not be followed there. */
static inline bool
shows_freed_objects(PyObject *module)
{
    if (Py_Version < 0x030C0000 || Py_Version >= 0x030C0600)
        return false;
    PyModuleDef *definition = PyModule_GetDef(module);
    return definition && definition->m_name && strcmp(definition->m_name, "_asyncio") == 0;
}

#endif
