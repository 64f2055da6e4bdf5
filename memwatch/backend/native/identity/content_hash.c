/* Hashes by type. See hashes.h.
 *
 * An object may be half built when it is looked at: what is read lies inside the bounds that it gives itself, and a
 * pointer may be NULL. Of long content a few words are read, spread over all of it, and always the length. */
#include "identity/content_hash.h"

#include <string.h>

#define SAMPLES 8     /* words of a long content */
#define ITEMS 16      /* of a tuple */
#define DEPTH 3       /* tuples in tuples */
#define BODY(object) ((const char *)(object) + sizeof(PyObject))

static inline uint64_t
mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}

static uint64_t
word_at(const char *data)
{
    uint64_t word;
    memcpy(&word, data, sizeof(word));
    return word;
}

static uint64_t
hash_bytes(uint64_t hash, const char *data, size_t length)
{
    hash = mix(hash, length);
    if (length < sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, data, length);
        return mix(hash, word);
    }
    size_t last = length - sizeof(uint64_t);
    size_t step = Py_MAX(last / SAMPLES, sizeof(uint64_t));
    for (size_t place = 0; place < last; place += step)
        hash = mix(hash, word_at(data + place));
    return mix(hash, word_at(data + last));
}

static uint64_t
hash_str(uint64_t hash, PyObject *text)
{
    PyASCIIObject *head = (PyASCIIObject *)text;
    size_t width = head->state.kind, length = (size_t)head->length;
    const char *data = (const char *)text + sizeof(PyCompactUnicodeObject);
    if (!head->state.compact)
        data = ((PyUnicodeObject *)text)->data.any;
    else if (head->state.ascii)
        data = (const char *)text + sizeof(PyASCIIObject);
    return data ? hash_bytes(mix(hash, width), data, width * length) : 0;
}

bool
hash_decides(PyObject *object)
{
    return !PyDict_Check(object);
}

static uint64_t hash_content(PyObject *object, int depth);

/* A tuple holds its items: where one of them is another one, or has other content, so has the tuple. */
static uint64_t
hash_tuple(uint64_t hash, PyObject *tuple, int depth)
{
    Py_ssize_t items = Py_SIZE(tuple);
    hash = mix(hash, (uint64_t)items);
    for (Py_ssize_t place = 0; place < Py_MIN(items, ITEMS); place++) {
        PyObject *item = ((PyTupleObject *)tuple)->ob_item[place];
        hash = mix(hash, (uint64_t)(uintptr_t)item);
        if (item && depth < DEPTH && hash_decides(item))
            hash = mix(hash, hash_content(item, depth + 1));
    }
    return hash;
}

/* What a code object never changes. */
static uint64_t
hash_code(uint64_t hash, PyCodeObject *code)
{
    hash = mix(hash, (uint64_t)(uintptr_t)code->co_consts);
    hash = mix(hash, (uint64_t)(uintptr_t)code->co_names);
    hash = mix(hash, (uint64_t)(uintptr_t)code->co_linetable);
    hash = mix(hash, (uint64_t)(uintptr_t)code->co_localsplusnames);
    return mix(hash, (uint64_t)code->co_firstlineno);
}

static uint64_t
hash_content(PyObject *object, int depth)
{
    PyTypeObject *type = Py_TYPE(object);
    uint64_t hash = mix(0, (uint64_t)(uintptr_t)type);
    if (type->tp_flags & Py_TPFLAGS_UNICODE_SUBCLASS)
        return hash_str(hash, object);
    if (type->tp_flags & Py_TPFLAGS_LONG_SUBCLASS)
        return hash_bytes(hash, BODY(object),
                          (size_t)INT_HEAD - sizeof(PyObject) + (size_t)digits_of(object) * sizeof(digit));
    if (type->tp_flags & Py_TPFLAGS_TUPLE_SUBCLASS)
        return hash_tuple(hash, object, depth);
    if (type->tp_flags & Py_TPFLAGS_BYTES_SUBCLASS)
        return hash_bytes(hash, ((PyBytesObject *)object)->ob_sval, (size_t)Py_SIZE(object));
    if (type == &PyCode_Type)
        return hash_code(hash, (PyCodeObject *)object);
    if (type == &PyDict_Type)
        return mix(hash, dict_state(object));
    if (type == &PyFloat_Type)
        return mix(hash, word_at(BODY(object)));
    if (type == &PyComplex_Type)
        return mix(mix(hash, word_at(BODY(object))), word_at(BODY(object) + sizeof(double)));
    return 0;
}

uint64_t
content_hash(PyObject *object)
{
    uint64_t hash = hash_content(object, 0);
    return hash && hash >> 52 == 0 ? hash | (uint64_t)1 << 52 : hash; /* what is kept must not be 0 */
}

bool
is_permanent(PyObject *object)
{
    if (IS_IMMORTAL(object) || object == Py_None || object == Py_Ellipsis || object == Py_NotImplemented)
        return true;
    return PyType_Check(object) && !(((PyTypeObject *)object)->tp_flags & Py_TPFLAGS_HEAPTYPE);
}
