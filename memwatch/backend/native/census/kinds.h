/* The types that a walk meets, each with its totals and with all that is needed to count one more of its objects.
 *
 * A table of open addressing, keyed by the type's address. A record is a cache line; the table is never more than three
 * quarters full, and moves when it grows: a Kind is good until the next call of kinds_of(). */
#ifndef MEMWATCH_KINDS_H
#define MEMWATCH_KINDS_H

#include "core/memory.h"
#include "core/pointers.h"

/* How the bytes of an object are found: as the `__sizeof__` of `object` does in the first three, then as others do. */
typedef enum {
    SIZE_FIXED,
    SIZE_ITEMS,         /* a head and items */
    SIZE_ITEMS_AND_ONE, /* a class made by a program leaves room for one item more, and rounds up */
    SIZE_LIST,
    SIZE_DICT,
    SIZE_SET,
    SIZE_STR,
    SIZE_INT,
    SIZE_BYTEARRAY,
    SIZE_TYPE,
    SIZE_CODE,
    SIZE_TEXT_STREAM, /* a StringIO, which has no `__sizeof__` of its own */
    SIZE_MEASURED /* some other C method, called when the walk is over */
} SizeRule;

enum {
    KIND_TRACKABLE = 1, /* has references that the collector can ask for */
    KIND_ASK = 2,       /* whether it has depends on the object: types */
    KIND_OWN = 4,       /* memwatch's own class */
    KIND_PART = 8,      /* a container or lock that an own object may hold */
    KIND_METHOD = 16,
    KIND_DICT = 32, /* or a frozendict, or a subclass: hides keys that are str */
    KIND_MODULE = 64,
    KIND_VALUES = 128, /* attribute values beside the instance or behind it */
    KIND_WEAK = 256,    /* a weak reference; a static type may be known by nothing else */
    KIND_HOLLOW = 512,  /* code, and numpy's arrays: what it holds is shown to nobody */
    KIND_LOCK = 1024,   /* has a lock of the system's beside it */
    KIND_ARRAY = 2048,  /* numpy's: its buffer can be read */
};

typedef struct {
    _Alignas(64) PyTypeObject *type;
    uint64_t count;
    uint64_t bytes;
    Py_ssize_t basic;  /* bytes without items, with what stands before the object */
    PyObject *measure; /* for SIZE_MEASURED: the C method, borrowed from its type */
    uint32_t place;    /* in the order of meeting */
    int32_t item;
    uint16_t header; /* the collector's and the managed words before the object */
    uint16_t flags;
    uint8_t rule;
} Kind;

/* The C functions behind the builtin `__sizeof__`s, by rule; read once. */
#define KNOWN_MEASURES 16
typedef struct {
    PyCFunction function[KNOWN_MEASURES];
    SizeRule rule[KNOWN_MEASURES];
    int count;
    Py_ssize_t text_stream; /* the basic size of a StringIO; 0 where it is not laid out as TextStream says */
    PyTypeObject *array_type; /* numpy's, or NULL */
} Measures;

/* The beginning of a StringIO: its text lies in `buf`, or in a writer that has as many characters so far. */
typedef struct {
    PyObject head;
    Py_UCS4 *buf;
    Py_ssize_t pos;
    Py_ssize_t string_size;
    size_t buf_size;
    int state;
} TextStream;
#define TEXT_IS_IN_WRITER 2

typedef struct {
    Kind *slots;
    size_t room; /* a power of two */
    size_t used;
    const Measures *measures;
    const Pointers *own;   /* types */
    const Pointers *parts; /* types */
    PyTypeObject *array_type; /* numpy's, NULL where arrays are not to be followed */
} Kinds;

bool measures_read(Measures *measures, PyTypeObject *stream);

/* Take the type of *made*, a new StringIO to which *written* ASCII characters were written, for such. */
void measures_read_text(Measures *measures, PyObject *made, Py_ssize_t written);

bool kinds_begin(Memory *memory, Kinds *kinds);
void kinds_free(Memory *memory, Kinds *kinds);
Kind *kinds_enter(Memory *memory, Kinds *kinds, PyTypeObject *type);

static inline size_t
kind_slot(const Kinds *kinds, const PyTypeObject *type)
{
    return (size_t)((uintptr_t)type * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (kinds->room - 1);
}

/* The record of *type* if it was met before. */
static inline Kind *
kinds_find(const Kinds *kinds, const PyTypeObject *type)
{
    for (size_t slot = kind_slot(kinds, type);; slot = (slot + 1) & (kinds->room - 1)) {
        Kind *kind = &kinds->slots[slot];
        if (kind->type == type)
            return kind;
        if (kind->type == NULL)
            return NULL;
    }
}

#endif
