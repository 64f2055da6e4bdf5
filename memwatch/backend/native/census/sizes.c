/* A rule for each builtin way of holding memory. See sizes.h.
 *
 * Nothing here runs code of a program or fails. An object may be half built, so a buffer may be missing. The figures
 * agree with what an allocator hook sees, which tests/backend/census/test_sizes.py checks rule by rule. */
#include "census/sizes.h"
#include "census/untracked_holders.h"
#include "core/code_and_locks.h"

#include <string.h>

#define DEQUE_BLOCK 64 /* items of a deque that lie together, with two links */
#define LARGEST ((Py_ssize_t)1 << 47) /* what an address space holds: no object is larger */

static Py_ssize_t
keys_size(const DictKeys *keys)
{
    Py_ssize_t room = (Py_ssize_t)1 << keys->log2_size;
    Py_ssize_t entry = (Py_ssize_t)sizeof(void *) * (keys->kind == 0 ? 3 : 2);
    return (Py_ssize_t)sizeof(DictKeys) + ((Py_ssize_t)1 << keys->log2_index_bytes) + room * 2 / 3 * entry;
}

static Py_ssize_t
dict_buffers(PyDictObject *dict)
{
    const DictKeys *keys = KEYS_OF(dict);
    if (keys == NULL)
        return 0;
    if (dict->ma_values)
        return given(split_values_size(dict)); /* the keys are the type's */
    return keys->log2_size ? given(keys_size(keys)) : 0; /* every empty dict has the same static keys */
}

static Py_ssize_t
str_size(const Kind *kind, PyObject *text, Py_ssize_t inside)
{
    PyASCIIObject *head = (PyASCIIObject *)text;
    Py_ssize_t length = PyUnicode_GET_LENGTH(text), size = given(wide_text_size(text));
    if (PyUnicode_IS_COMPACT_ASCII(text))
        return size + given((Py_ssize_t)sizeof(PyASCIIObject) + length + 1);
    Py_ssize_t data = (length + 1) * PyUnicode_KIND(text);
    PyCompactUnicodeObject *compact = (PyCompactUnicodeObject *)text;
    if (head->state.compact)
        size += given((Py_ssize_t)sizeof(PyCompactUnicodeObject) + data);
    else
        size += given(kind->basic + inside) + (((PyUnicodeObject *)text)->data.any ? given(data) : 0);
    if (compact->utf8 && (head->state.compact || compact->utf8 != ((PyUnicodeObject *)text)->data.any))
        size += given(compact->utf8_length + 1);
    return size;
}

static Py_ssize_t
set_size(const Kind *kind, PyObject *object, Py_ssize_t inside)
{
    PySetObject *set = (PySetObject *)object;
    bool is_small = set->table == NULL || set->table == set->smalltable;
    return given(kind->basic + inside) + (is_small ? 0 : given((set->mask + 1) * (Py_ssize_t)sizeof(setentry)));
}

static Py_ssize_t
type_size(const Kind *kind, PyObject *object)
{
    PyTypeObject *type = (PyTypeObject *)object;
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE))
        return sizeof(PyTypeObject);
    const DictKeys *keys = (DictKeys *)((PyHeapTypeObject *)type)->ht_cached_keys;
    Py_ssize_t items = (Py_SIZE(type) + 1) * kind->item;
    Py_ssize_t doc = type->tp_doc ? (Py_ssize_t)strlen(type->tp_doc) + 1 : 0;
    return given(kind->basic + (Py_ssize_t)sizeof(GCHead) + items) + given(doc) + (keys ? given(keys_size(keys)) : 0);
}

static Py_ssize_t
values_bytes(const Kind *kind, PyObject *object)
{
    const void *values = instance_values(object);
    const DictKeys *keys = (DictKeys *)((PyHeapTypeObject *)kind->type)->ht_cached_keys;
    return values && keys ? values_size(values, keys->usable + keys->entries) : 0;
}

/* *count* items, of which the sign is not part; none where something else stands in the place of the count. */
static Py_ssize_t
items_size(const Kind *kind, Py_ssize_t count)
{
    size_t items = count < 0 ? 0 - (size_t)count : (size_t)count;
    return kind->item > 0 && items < (size_t)(LARGEST / kind->item) ? (Py_ssize_t)items * kind->item : 0;
}

/* The collector's words before an object of a type of which not every object has them; a class has them in its rule. */
static Py_ssize_t
asked_header(const Kind *kind, PyObject *object)
{
    return kind->flags & KIND_ASK && kind->type->tp_is_gc(object) ? (Py_ssize_t)sizeof(GCHead) : 0;
}

/* What a writer has taken is told as one byte for each character: of other texts than Latin-1 it is more. */
static Py_ssize_t
text_size(const TextStream *stream)
{
    if (stream->state != TEXT_IS_IN_WRITER)
        return given((Py_ssize_t)(Py_MIN(stream->buf_size, (size_t)LARGEST / 8) * sizeof(Py_UCS4)));
    return given(Py_MAX(0, Py_MIN(stream->string_size, LARGEST)));
}

/* *inside* are the bytes of attributes that stand in the object's own block. */
static Py_ssize_t
rule_size(const Kind *kind, PyObject *object, Py_ssize_t inside)
{
    switch ((SizeRule)kind->rule) {
    case SIZE_ITEMS: return given(kind->basic + items_size(kind, Py_SIZE(object)) + inside);
    case SIZE_ITEMS_AND_ONE: return given(kind->basic + items_size(kind, Py_SIZE(object)) + kind->item + inside);
    case SIZE_LIST:
        /* less than none while the list is sorted: its items are apart then */
        return given(kind->basic + inside) +
               given(Py_MAX(((PyListObject *)object)->allocated, 0) * (Py_ssize_t)sizeof(PyObject *));
    case SIZE_DICT: return given(kind->basic + inside) + dict_buffers((PyDictObject *)object);
    case SIZE_SET: return set_size(kind, object, inside);
    case SIZE_STR: return str_size(kind, object, inside);
    case SIZE_INT:
        if (kind->type != &PyLong_Type)
            return given(kind->basic + (digits_of(object) + 1) * kind->item);
        return given(
            Py_MAX((Py_ssize_t)sizeof(PyLongObject), INT_HEAD + digits_of(object) * (Py_ssize_t)sizeof(digit)));
    case SIZE_BYTEARRAY: return given(kind->basic + inside) + given(bytearray_buffer((PyByteArrayObject *)object));
    case SIZE_TYPE: return type_size(kind, object);
    case SIZE_CODE:
        return given(kind->basic + Py_SIZE(object) * kind->item) + given(answers_size((PyCodeObject *)object)) +
               given(extra_size((PyCodeObject *)object));
    case SIZE_TEXT_STREAM: return given(kind->basic + inside) + text_size((TextStream *)object);
    case SIZE_FIXED:
    case SIZE_MEASURED: break;
    }
    return given(kind->basic + asked_header(kind, object) + inside);
}

Py_ssize_t
size_by_rule(const Kind *kind, PyObject *object)
{
    Py_ssize_t values = kind->flags & KIND_VALUES ? values_bytes(kind, object) : 0;
    Py_ssize_t lock = kind->flags & KIND_LOCK ? given_by_malloc(LOCK_SIZE) : 0;
    return lock + (VALUES_ARE_INSIDE ? rule_size(kind, object, values) : rule_size(kind, object, 0) + given(values));
}

/* The bytes in an array.array, by its own method for buffers: a class made of it may have one that is Python code. */
static Py_ssize_t
buffer_of_array(const PyTypeObject *type, PyObject *object)
{
    const PyBufferProcs *procs = type->tp_as_buffer;
    Py_buffer view;
    if (procs == NULL || procs->bf_getbuffer == NULL || procs->bf_releasebuffer == NULL)
        return 0;
    if (procs->bf_getbuffer(object, &view, PyBUF_SIMPLE) < 0) {
        PyErr_Clear();
        return 0;
    }
    Py_ssize_t bytes = view.len;
    procs->bf_releasebuffer(object, &view);
    Py_DECREF(view.obj);
    return bytes;
}

Py_ssize_t
known_buffers(const Kind *kind, PyObject *object)
{
    const Py_ssize_t word = sizeof(void *);
    if (kind->flags & KIND_ARRAY)
        return given((Py_ssize_t)Py_MIN(array_buffers(object), (uint64_t)LARGEST));
    if (PyODict_Check(object)) { /* its dict, a place for each one of the keys, and a node for each item */
        Py_ssize_t items = PyDict_GET_SIZE(object), places = items ? word << KEYS_OF(object)->log2_size : 0;
        return dict_buffers((PyDictObject *)object) + places + items * 4 * word;
    }
    for (PyTypeObject *type = Py_TYPE(object); type; type = type->tp_base) {
        if (strcmp(type->tp_name, "collections.deque") == 0)
            return given((Py_SIZE(object) / DEQUE_BLOCK + 1) * (DEQUE_BLOCK + 2) * word);
        if (strcmp(type->tp_name, "array.array") == 0)
            return given(buffer_of_array(type, object));
    }
    return 0;
}

Py_ssize_t
size_by_method(const Kind *kind, PyObject *object)
{
    PyObject *measure = Py_NewRef(kind->measure); /* its class may lose it on the way */
    PyObject *answer = PyObject_CallOneArg(measure, object);
    Py_DECREF(measure);
    Py_ssize_t size = answer ? PyLong_AsSsize_t(answer) : -1;
    Py_XDECREF(answer);
    if (size < 0 || size > LARGEST) {
        PyErr_Clear();
        return size_by_rule(kind, object);
    }
    return size_by_rule(kind, object) + given(Py_MAX(0, size - kind->type->tp_basicsize)); /* its buffers as one */
}
