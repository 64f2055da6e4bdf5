/* What an object refers to: its type's tp_traverse, with what that hides and without what it must not show.
 *
 * Lists, tuples and dicts are most of what refers to anything, and are read directly. A dict whose keys are all str
 * does not show them to the collector; here every dict shows its keys, a frozendict or a subclass in addition to what
 * its own tp_traverse shows. A static type shows nothing to the collector; here it shows its namespace, and is itself
 * shown by the weak reference that its base keeps to it. From 3.13 on an instance does not show a `__dict__` that
 * shares its values; here it does. A code object shows nothing, and a numpy array neither; here one shows its parts,
 * the other its base and its items. In the versions where the module _asyncio shows freed objects, it shows its
 * namespace alone. */
#include "census/untracked_holders.h"
#include "census/walk.h"

static void
follow_items(Walk *walk, PyObject **items, Py_ssize_t count, visitproc visit)
{
    if (items)
        for (Py_ssize_t place = 0; place < count; place++)
            if (items[place] && visit(items[place], walk) < 0)
                return;
}

/* Keys that have entries of two words, or of three with the hash in front, and values beside them or in them. */
static void
follow_dict(Walk *walk, PyDictObject *dict, visitproc visit)
{
    const DictKeys *keys = KEYS_OF(dict);
    if (keys == NULL)
        return;
    size_t stride = keys->kind == 0 ? 3 : 2;
    PyObject *const *entry = (PyObject *const *)(keys->indices + ((size_t)1 << keys->log2_index_bytes));
    PyObject **values = dict->ma_values ? values_of(dict) : NULL;
    entry += stride - 2;
    for (Py_ssize_t place = 0; place < keys->entries; place++, entry += stride) {
        PyObject *value = values ? values[place] : entry[1];
        if (value == NULL)
            continue;
        if (visit(entry[0], walk) < 0 || visit(value, walk) < 0)
            return;
    }
}

static void
follow_keys(Walk *walk, PyObject *dict, visitproc visit)
{
    PyObject *key;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, NULL))
        if (visit(key, walk) < 0)
            return;
}

static void
follow_static_type(Walk *walk, PyObject *found, visitproc visit)
{
    if (PyType_Check(found) && !(((PyTypeObject *)found)->tp_flags & Py_TPFLAGS_HEAPTYPE))
        visit(found, walk);
}

static void
follow_special(Walk *walk, const Kind *kind, PyObject *object, visitproc visit)
{
    PyObject *shown = NULL;
    PyTypeObject *type = kind->type;
    unsigned flags = kind->flags; /* the record may move while others are met */
    if (flags & KIND_MODULE && shows_freed_objects(object))
        shown = PyModule_GetDict(object);
    else if (flags & KIND_ASK && !type->tp_is_gc(object))
        shown = PyType_Check(object) ? namespace_of((PyTypeObject *)object) : NULL;
    else {
        type->tp_traverse(object, visit, walk);
        if (flags & KIND_VALUES)
            shown = hidden_dict(object);
        if (shown)
            visit(shown, walk);
        if (flags & KIND_DICT)
            follow_keys(walk, object, visit);
        if (flags & KIND_WEAK)
            follow_static_type(walk, ((PyWeakReference *)object)->wr_object, visit);
        return;
    }
    if (shown)
        visit(shown, walk);
}

void
follow(Walk *walk, const Kind *kind, PyObject *object, visitproc visit)
{
    PyTypeObject *type = kind->type;
    if (kind->flags & KIND_HOLLOW) {
        Kind same = *kind; /* the record may move while others are met */
        follow_hollow(object, visit, walk);
        if (same.flags & KIND_TRACKABLE) /* one of a class that a program has derived */
            follow_special(walk, &same, object, visit);
    } else if (type == &PyTuple_Type)
        follow_items(walk, ((PyTupleObject *)object)->ob_item, Py_SIZE(object), visit);
    else if (type == &PyList_Type)
        follow_items(walk, ((PyListObject *)object)->ob_item, Py_SIZE(object), visit);
    else if (type == &PyDict_Type)
        follow_dict(walk, (PyDictObject *)object, visit);
    else if (kind->flags & (KIND_ASK | KIND_DICT | KIND_MODULE | KIND_WEAK | KIND_VALUES))
        follow_special(walk, kind, object, visit);
    else
        type->tp_traverse(object, visit, walk);
}
