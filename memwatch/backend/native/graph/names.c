/* What nodes and edges are called: found by comparing what an object refers to with its fields. See names.h.
 *
 * References come in the order of the type's tp_traverse, which is mostly that of the fields: so a name is looked for
 * from where the last one was found. Of a dict's key its type is told, unless it is a name from source code or a small
 * number, or all keys are asked for: what a program keeps under its keys is data. */
#include "graph/names.h"
#include "core/code_and_locks.h"

#include "search/search.h"

#include <string.h>

#define LONGEST_KEY 40
#define LONGEST_OWN_NAME 40
#define SMALL_KEY 1000

enum { OTHER, DICT, SEQUENCE, NUMBERED, MODULE, TYPE, FUNCTION, BUILTIN, CELL, FRAME, TRACE, ERROR, ARRAY, CODE };

/* ---- types ---- */

static uint8_t
names_of_type(const PyTypeObject *type)
{
    static const struct {
        PyTypeObject *type;
        uint8_t names;
    } known[] = {{&PyFunction_Type, FUNCTION}, {&PyCFunction_Type, BUILTIN}, {&PyCell_Type, CELL},
                 {&PyFrame_Type, FRAME},       {&PyGen_Type, FRAME},         {&PyCoro_Type, FRAME},
                 {&PyAsyncGen_Type, FRAME},    {&PyTraceBack_Type, TRACE},   {&PyCode_Type, CODE},
                 {&PySet_Type, NUMBERED},      {&PyFrozenSet_Type, NUMBERED}};
    for (size_t place = 0; place < Py_ARRAY_LENGTH(known); place++)
        if (type == known[place].type)
            return known[place].names;
    if (type->tp_flags & Py_TPFLAGS_DICT_SUBCLASS)
        return DICT;
    if (type->tp_flags & (Py_TPFLAGS_LIST_SUBCLASS | Py_TPFLAGS_TUPLE_SUBCLASS))
        return SEQUENCE;
    if (type->tp_flags & Py_TPFLAGS_TYPE_SUBCLASS)
        return TYPE;
    if (type->tp_flags & Py_TPFLAGS_BASE_EXC_SUBCLASS)
        return ERROR;
    if (PyType_IsSubtype((PyTypeObject *)type, &PyModule_Type))
        return MODULE;
    return type->tp_name && strcmp(type->tp_name, "collections.deque") == 0 ? NUMBERED : OTHER;
}

static void
add_members(Graph *graph, TypeNames *names, PyTypeObject *base)
{
    PyObject *namespace = namespace_of(base), *key, *value;
    Py_ssize_t position = 0;
    if (namespace == NULL || !PyDict_Check(namespace))
        return;
    while (PyDict_Next(namespace, &position, &key, &value)) {
        if (!Py_IS_TYPE(value, &PyMemberDescr_Type))
            continue;
        const PyMemberDef *definition = ((PyMemberDescrObject *)value)->d_member;
        PyObject *name = ((PyDescrObject *)value)->d_name;
        if ((definition->type != T_OBJECT && definition->type != T_OBJECT_EX) || !name || !is_readable(name))
            continue;
        Member *member = row_add(graph->walk.memory, &graph->members);
        if (member == NULL) {
            graph->walk.failed = true;
            return;
        }
        *member = (Member){definition->offset, name};
        names->count++;
    }
}

static void
read_type(Graph *graph, TypeNames *names, const Kind *kind)
{
    PyTypeObject *type = kind->type;
    label_put(type, text_add, &graph->strings);
    *names = (TypeNames){.known = true, .label = text_end(&graph->strings), .names = names_of_type(type)};
    names->is_weak = PyType_IsSubtype(type, &_PyWeakref_RefType);
    names->is_untracked_holder = is_untracked_holder(graph->wanted.array_type, type);
    if (names->is_untracked_holder && type != &PyCode_Type)
        names->names = ARRAY;
    names->members = (uint32_t)graph->members.used;
    PyObject *order = type->tp_mro;
    for (Py_ssize_t place = 0; order && PyTuple_Check(order) && place < PyTuple_GET_SIZE(order); place++) {
        PyObject *base = PyTuple_GET_ITEM(order, place);
        if (base && PyType_Check(base))
            add_members(graph, names, (PyTypeObject *)base);
    }
}

TypeNames *
type_names(Graph *graph, const Kind *kind)
{
    while (graph->type_names.used <= kind->place) {
        TypeNames *added = row_add(graph->walk.memory, &graph->type_names);
        if (added == NULL)
            return NULL;
        *added = (TypeNames){0};
    }
    TypeNames *names = (TypeNames *)graph->type_names.data + kind->place;
    if (!names->known)
        read_type(graph, names, kind);
    return names;
}

/* ---- nodes ---- */

static bool
reads(PyObject *text, const char *wanted)
{
    Py_ssize_t length = (Py_ssize_t)strlen(wanted), place = 0;
    if (text == NULL || !PyUnicode_Check(text) || !is_readable(text) || PyUnicode_GET_LENGTH(text) != length)
        return false;
    while (place < length && PyUnicode_READ_CHAR(text, place) == (Py_UCS4)wanted[place])
        place++;
    return place == length;
}

static void
add_text(Graph *graph, PyObject *text)
{
    if (text && PyUnicode_Check(text) && is_readable(text))
        text_put(text, PY_SSIZE_T_MAX, text_add, &graph->strings);
    else
        text_add(&graph->strings, "?", 1);
}

/* What *namespace* has under `__name__`, looked for without a lookup, which could run a comparison. */
static PyObject *
name_in(PyObject *namespace)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (namespace && PyDict_Check(namespace) && PyDict_Next(namespace, &position, &key, &value))
        if (reads(key, "__name__"))
            return value;
    return NULL;
}

static uint32_t
name_pair(Graph *graph, PyObject *module, PyObject *name)
{
    add_text(graph, module);
    text_add(&graph->strings, ".", 1);
    add_text(graph, name);
    return text_end(&graph->strings);
}

uint32_t
name_code(Graph *graph, PyCodeObject *code, PyObject *globals)
{
    return name_pair(graph, name_in(globals), code->co_qualname);
}

uint32_t
name_node(Graph *graph, const TypeNames *names, PyObject *object)
{
    Strings *strings = &graph->strings;
    if (names->names == FUNCTION) {
        const PyFunctionObject *function = (PyFunctionObject *)object;
        text_add(strings, "<function ", 10);
        add_text(graph, function->func_module);
        text_add(strings, ".", 1);
        add_text(graph, function->func_qualname);
    } else if (names->names == TYPE) {
        text_add(strings, "<class ", 7);
        label_put((PyTypeObject *)object, text_add, strings);
    } else if (names->names == MODULE) {
        text_add(strings, "<module ", 8);
        add_text(graph, name_in(PyModule_GetDict(object)));
    } else
        return names->label;
    text_add(strings, ">", 1);
    return text_end(strings);
}

/* ---- edges ---- */

static EdgeName
named(Graph *graph, EdgeType type, const char *name)
{
    return (EdgeName){type, string_of(&graph->strings, name)};
}

static bool
is_own_name(PyObject *key)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(key);
    if (length < 5 || length > LONGEST_OWN_NAME || PyUnicode_MAX_CHAR_VALUE(key) > 127)
        return false;
    for (Py_ssize_t place = 0; place < length; place++) {
        Py_UCS4 letter = PyUnicode_READ_CHAR(key, place);
        bool outer = place < 2 || place >= length - 2, is_line = letter == '_';
        if (outer ? !is_line : !is_line && !Py_ISALNUM((unsigned char)letter))
            return false;
    }
    return true;
}

/* Whether the value of a number is told; it is put in *value*. */
static bool
is_small(PyObject *key, bool all, long long *value)
{
    if (!PyLong_CheckExact(key) || digits_of(key) > 1)
        return false;
    *value = small_int(key);
    return all || (*value > -SMALL_KEY && *value < SMALL_KEY);
}

static EdgeName
name_key(Graph *graph, PyObject *key)
{
    Strings *strings = &graph->strings;
    bool all = graph->wanted.show_keys;
    long long value;
    if (PyUnicode_CheckExact(key) && is_readable(key)) {
        if (PyUnicode_CHECK_INTERNED(key) || is_own_name(key))
            return (EdgeName){EDGE_PROPERTY, string_of_object(strings, key)};
        if (all) {
            text_put(key, LONGEST_KEY, text_add, strings);
            return (EdgeName){EDGE_PROPERTY, text_end(strings)};
        }
    } else if (is_small(key, all, &value)) {
        if (value >= 0)
            return (EdgeName){EDGE_ELEMENT, (uint32_t)value};
        char digits[24];
        int length = PyOS_snprintf(digits, sizeof(digits), "%lld", value);
        text_add(strings, digits, (size_t)length);
        return (EdgeName){EDGE_PROPERTY, text_end(strings)};
    }
    text_add(strings, "[", 1);
    label_put(Py_TYPE(key), text_add, strings);
    text_add(strings, " key]", 5);
    return (EdgeName){EDGE_PROPERTY, text_end(strings)};
}

static void
next_item(Naming *naming)
{
    if (!PyDict_Next(naming->object, &naming->position, &naming->key, &naming->value))
        naming->key = naming->value = NULL;
}

void
naming_begin(Naming *naming, const TypeNames *names, PyObject *object)
{
    *naming = (Naming){.names = names, .object = object};
    if (names->names == DICT)
        next_item(naming);
}

static bool
name_dict_item(Graph *graph, Naming *naming, PyObject *target, EdgeName *name)
{
    if (naming->key == NULL)
        return false;
    if (target == naming->value) {
        *name = name_key(graph, naming->key);
        next_item(naming);
        return true;
    }
    if (target != naming->key)
        return false;
    *name = named(graph, EDGE_INTERNAL, "(key)");
    return true;
}

static bool
name_item(Naming *naming, PyObject *target, EdgeName *name)
{
    PyObject *sequence = naming->object, **items = NULL;
    Py_ssize_t count = Py_SIZE(sequence);
    if (PyList_Check(sequence))
        items = ((PyListObject *)sequence)->ob_item;
    else
        items = ((PyTupleObject *)sequence)->ob_item;
    while (items && naming->position < count && items[naming->position] == NULL)
        naming->position++;
    if (items == NULL || naming->position >= count || items[naming->position] != target)
        return false;
    *name = (EdgeName){EDGE_ELEMENT, (uint32_t)naming->position++};
    return true;
}

static bool
name_variable(Graph *graph, Naming *naming, PyObject *target, EdgeName *name)
{
    const InterpreterFrame *frame = kept_frame(naming->object);
    const PyCodeObject *code = frame ? code_of(frame) : NULL;
    if (code == NULL)
        return false;
    for (int turn = 0; turn < code->co_nlocalsplus; turn++) {
        int place = (naming->slot + turn) % code->co_nlocalsplus;
        if (object_of(frame->values[place]) != target)
            continue;
        PyObject *text = PyTuple_GET_ITEM(code->co_localsplusnames, place);
        *name = (EdgeName){EDGE_VARIABLE, string_of_object(&graph->strings, text)};
        naming->slot = place + 1;
        return true;
    }
    return false;
}

static bool
name_field(Graph *graph, Naming *naming, PyObject *target, EdgeName *name)
{
    const Member *members = (Member *)graph->members.data + naming->names->members;
    for (uint32_t place = 0; place < naming->names->count; place++)
        if (*(PyObject **)((char *)naming->object + members[place].offset) == target) {
            *name = (EdgeName){EDGE_PROPERTY, string_of_object(&graph->strings, members[place].name)};
            return true;
        }
    return false;
}

/* An attribute that the instance keeps in itself, or the dict that it keeps them in. */
static bool
name_attribute(Graph *graph, Naming *naming, PyObject *target, EdgeName *name)
{
    PyTypeObject *type = Py_TYPE(naming->object);
    Py_ssize_t offset = type->tp_dictoffset;
    bool is_dict = target == managed_dict(naming->object) ||
                   (offset > 0 && *(PyObject **)((char *)naming->object + offset) == target);
    if (is_dict) {
        *name = named(graph, EDGE_INTERNAL, "__dict__");
        return true;
    }
    if (!(type->tp_flags & KEEPS_VALUES) || !(type->tp_flags & Py_TPFLAGS_HEAPTYPE))
        return false;
    const DictKeys *keys = (DictKeys *)((PyHeapTypeObject *)type)->ht_cached_keys;
    const void *values = keys && keys->kind ? instance_values(naming->object) : NULL;
    PyObject *const *slots = values ? value_slots(values) : NULL;
    PyObject *const *entry = (PyObject *const *)(keys ? keys->indices + ((size_t)1 << keys->log2_index_bytes) : NULL);
    for (Py_ssize_t turn = 0; slots && turn < keys->entries; turn++) {
        Py_ssize_t place = (naming->slot + turn) % keys->entries;
        if (slots[place] != target)
            continue;
        *name = name_key(graph, entry[2 * place]);
        naming->slot = (int)place + 1;
        return true;
    }
    return false;
}

static const char *
code_field(const PyCodeObject *code, const PyObject *target)
{
    static const char *const names[CODE_PARTS] = {
        "co_consts",   "co_names", "co_exceptiontable", "co_localsplusnames", "co_localspluskinds",
        "co_filename", "co_name",  "co_qualname",       "co_linetable"};
    PyObject *parts[CODE_PARTS];
    code_parts(code, parts);
    for (size_t place = 0; place < CODE_PARTS; place++)
        if (parts[place] == target)
            return names[place];
    return "part of the code";
}

static const char *
special_field(const Naming *naming, PyObject *target)
{
    PyObject *object = naming->object;
    if (naming->names->names == FUNCTION) {
        const PyFunctionObject *it = (PyFunctionObject *)object;
        return target == it->func_code         ? "__code__"
               : target == it->func_defaults   ? "__defaults__"
               : target == it->func_kwdefaults ? "__kwdefaults__"
               : target == it->func_dict       ? "__dict__"
                                               : NULL;
    }
    if (naming->names->names == TYPE) {
        PyTypeObject *it = (PyTypeObject *)object;
        return target == namespace_of(it)          ? "__dict__"
               : target == it->tp_mro              ? "__mro__"
               : target == it->tp_bases            ? "__bases__"
               : target == (PyObject *)it->tp_base ? "__base__"
                                                   : NULL;
    }
    if (naming->names->names == ERROR) {
        const PyBaseExceptionObject *it = (PyBaseExceptionObject *)object;
        return target == it->args        ? "args"
               : target == it->traceback ? "__traceback__"
               : target == it->context   ? "__context__"
               : target == it->cause     ? "__cause__"
               : target == it->dict      ? "__dict__"
                                         : NULL;
    }
    switch (naming->names->names) {
    case MODULE: return target == PyModule_GetDict(object) ? "__dict__" : "module state";
    case BUILTIN: return target == PyCFunction_GET_SELF(object) ? "__self__" : NULL;
    case CELL: return "cell_contents";
    case TRACE: return target == (PyObject *)((PyTracebackObject *)object)->tb_next ? "tb_next" : NULL;
    case CODE: return code_field((PyCodeObject *)object, target);
    default: return NULL;
    }
}

EdgeName
name_edge(Graph *graph, Naming *naming, PyObject *target)
{
    EdgeName name;
    uint8_t names = naming->names->names;
    const char *special = names > NUMBERED ? special_field(naming, target) : NULL;
    if (names == DICT && name_dict_item(graph, naming, target, &name))
        return name;
    if (names == SEQUENCE && name_item(naming, target, &name))
        return name;
    if (special)
        return named(graph, EDGE_INTERNAL, special);
    if (names == FRAME && name_variable(graph, naming, target, &name))
        return name;
    if (target == (PyObject *)Py_TYPE(naming->object) && !naming->has_class) {
        naming->has_class = true;
        return named(graph, EDGE_INTERNAL, "__class__");
    }
    if (name_field(graph, naming, target, &name) || name_attribute(graph, naming, target, &name))
        return name;
    if (names == NUMBERED || names == ARRAY)
        return (EdgeName){EDGE_ELEMENT, naming->running++};
    return named(graph, EDGE_INTERNAL, names == DICT ? "(key)" : "reference");
}
