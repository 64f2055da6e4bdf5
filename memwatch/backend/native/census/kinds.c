/* Entering a type: what its objects are made of, found without running a line of the program. See kinds.h.
 *
 * A type's `__sizeof__` is looked for in the namespaces along its `__mro__`, key by key and without a lookup: a key
 * that is no str could be compared in Python. A method written in Python is passed over for the nearest one in C, as
 * the pure backend does. The C methods of the builtin types are known by their function and have a rule of their own,
 * because they leave things out: the words before an object, the room for one more item, the values of attributes. */
#include "census/kinds.h"
#include "census/untracked_holders.h"
#include "core/code_and_locks.h"

#include <string.h>

#define FIRST_ROOM 2048

static bool
is_sizeof(PyObject *key)
{
    return PyUnicode_CheckExact(key) && PyUnicode_IS_COMPACT_ASCII(key) && PyUnicode_GET_LENGTH(key) == 10 &&
           memcmp(PyUnicode_DATA(key), "__sizeof__", 10) == 0;
}

/* Whether *method* can be called on any object. That of _struct.Struct crashes on one that was made but not set up yet,
 * as each is while its `__init__` runs. */
static bool
is_safe(PyObject *method)
{
    return strcmp(PyDescr_TYPE(method)->tp_name, "_struct.Struct") != 0;
}

/* The C method `__sizeof__` that *type* itself defines, borrowed; NULL if none. */
static PyObject *
own_measure(PyTypeObject *type)
{
    PyObject *namespace = namespace_of(type), *key, *value;
    Py_ssize_t position = 0;
    if (namespace == NULL || !PyDict_Check(namespace))
        return NULL;
    while (PyDict_Next(namespace, &position, &key, &value))
        if (is_sizeof(key) && Py_IS_TYPE(value, &PyMethodDescr_Type) && is_safe(value))
            return value;
    return NULL;
}

static PyObject *
nearest_measure(PyTypeObject *type)
{
    PyObject *order = type->tp_mro, *found = NULL;
    if (order == NULL || !PyTuple_Check(order))
        return NULL;
    for (Py_ssize_t place = 0; found == NULL && place < PyTuple_GET_SIZE(order); place++) {
        PyObject *base = PyTuple_GET_ITEM(order, place);
        if (base && PyType_Check(base))
            found = own_measure((PyTypeObject *)base);
    }
    return found;
}

bool
measures_read(Measures *measures, PyTypeObject *stream)
{
    const struct {
        PyTypeObject *type;
        SizeRule rule;
    } known[] = {
        {&PyBaseObject_Type, SIZE_FIXED},
        {&PyList_Type, SIZE_LIST},
        {&PyDict_Type, SIZE_DICT},
        {&PySet_Type, SIZE_SET},
        {&PyFrozenSet_Type, SIZE_SET},
        {&PyUnicode_Type, SIZE_STR},
        {&PyLong_Type, SIZE_INT},
        {&PyByteArray_Type, SIZE_BYTEARRAY},
        {&PyType_Type, SIZE_TYPE},
        {&PyCode_Type, SIZE_CODE},
        {stream, SIZE_FIXED},
    };
    measures->count = Py_ARRAY_LENGTH(known) - (stream ? 0 : 1);
    for (int place = 0; place < measures->count; place++) {
        PyObject *found = own_measure(known[place].type);
        if (found == NULL)
            return false;
        measures->function[place] = ((PyMethodDescrObject *)found)->d_method->ml_meth;
        measures->rule[place] = known[place].rule;
    }
    return true;
}

void
measures_read_text(Measures *measures, PyObject *made, Py_ssize_t written)
{
    const TextStream *stream = (TextStream *)made;
    if (Py_TYPE(made)->tp_basicsize >= (Py_ssize_t)sizeof(TextStream) && stream->pos == written &&
        stream->string_size == written && stream->state == TEXT_IS_IN_WRITER)
        measures->text_stream = Py_TYPE(made)->tp_basicsize;
}

static bool
is_text_stream(const Measures *measures, const PyTypeObject *type)
{
    for (; type && measures->text_stream; type = type->tp_base)
        if (type->tp_basicsize == measures->text_stream && strcmp(type->tp_name, "_io.StringIO") == 0)
            return true;
    return false;
}

static SizeRule
plain_rule(const PyTypeObject *type)
{
    if (type->tp_itemsize == 0)
        return SIZE_FIXED;
    return type->tp_flags & Py_TPFLAGS_HEAPTYPE && type->tp_alloc == PyType_GenericAlloc ? SIZE_ITEMS_AND_ONE
                                                                                         : SIZE_ITEMS;
}

static void
set_rule(const Measures *measures, Kind *kind)
{
    PyObject *found = nearest_measure(kind->type);
    kind->rule = plain_rule(kind->type);
    if (found == NULL)
        return;
    PyCFunction function = ((PyMethodDescrObject *)found)->d_method->ml_meth;
    for (int place = 0; place < measures->count; place++)
        if (measures->function[place] == function) {
            if (measures->rule[place] != SIZE_FIXED)
                kind->rule = measures->rule[place];
            else if (is_text_stream(measures, kind->type))
                kind->rule = SIZE_TEXT_STREAM;
            return;
        }
    kind->rule = SIZE_MEASURED;
    kind->measure = found;
}

static uint16_t
flags_of(const Kinds *kinds, const PyTypeObject *type)
{
    unsigned flags = 0;
    if (type->tp_flags & Py_TPFLAGS_HAVE_GC && type->tp_traverse)
        flags |= KIND_TRACKABLE | (type->tp_is_gc ? KIND_ASK : 0);
    if (kinds->own && pointers_find(kinds->own, type))
        flags |= KIND_OWN;
    if (kinds->parts && pointers_find(kinds->parts, type))
        flags |= KIND_PART;
    if (is_untracked_holder(kinds->array_type, type))
        flags |= KIND_HOLLOW;
    if (is_array_type(kinds->measures->array_type, type))
        flags |= KIND_ARRAY;
    for (const PyTypeObject *base = type; base; base = base->tp_base)
        flags |= has_lock(base) ? KIND_LOCK : 0;
    if (type == &PyMethod_Type)
        flags |= KIND_METHOD;
    if (hides_keys(type))
        flags |= KIND_DICT;
    if (type == &_PyWeakref_RefType)
        flags |= KIND_WEAK;
    if (PyType_IsSubtype((PyTypeObject *)type, &PyModule_Type))
        flags |= KIND_MODULE;
    if (type->tp_flags & KEEPS_VALUES && type->tp_flags & Py_TPFLAGS_HEAPTYPE)
        flags |= KIND_VALUES;
    return (uint16_t)flags;
}

static Kind *
free_slot(const Kinds *kinds, const PyTypeObject *type)
{
    size_t slot = kind_slot(kinds, type);
    while (kinds->slots[slot].type)
        slot = (slot + 1) & (kinds->room - 1);
    return &kinds->slots[slot];
}

static bool
grow(Memory *memory, Kinds *kinds)
{
    Kinds old = *kinds;
    Kind *slots = memory_map(memory, 2 * old.room * sizeof(Kind));
    if (slots == NULL)
        return false;
    kinds->slots = slots;
    kinds->room = 2 * old.room;
    for (size_t slot = 0; slot < old.room; slot++)
        if (old.slots[slot].type)
            *free_slot(kinds, old.slots[slot].type) = old.slots[slot];
    memory_unmap(memory, old.slots, old.room * sizeof(Kind));
    return true;
}

bool
kinds_begin(Memory *memory, Kinds *kinds)
{
    kinds->slots = memory_map(memory, FIRST_ROOM * sizeof(Kind));
    kinds->room = kinds->slots ? FIRST_ROOM : 0;
    return kinds->slots != NULL;
}

void
kinds_free(Memory *memory, Kinds *kinds)
{
    memory_unmap(memory, kinds->slots, kinds->room * sizeof(Kind));
    kinds->slots = NULL;
    kinds->room = kinds->used = 0;
}

/* A record for *type*, which is not in the table yet; NULL without memory. */
Kind *
kinds_enter(Memory *memory, Kinds *kinds, PyTypeObject *type)
{
    if (4 * (kinds->used + 1) > 3 * kinds->room && !grow(memory, kinds))
        return NULL;
    Kind *kind = free_slot(kinds, type);
    *kind = (Kind){.type = type, .place = (uint32_t)kinds->used++, .flags = flags_of(kinds, type)};
    if (kind->flags & KIND_TRACKABLE && !(kind->flags & KIND_ASK))
        kind->header = sizeof(GCHead);
    if (type->tp_flags & TWO_WORDS_BEFORE)
        kind->header += 2 * sizeof(void *);
    kind->basic = type->tp_basicsize + kind->header;
    kind->item = (int32_t)type->tp_itemsize;
    set_rule(kinds->measures, kind);
    return kind;
}
