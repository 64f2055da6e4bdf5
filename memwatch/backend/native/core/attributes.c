/* The names of attributes that an instance keeps in itself: its values lie beside each other, in the order of the keys
 * that all instances of its class share. To ask Python for them would make a dict that the program has not. */
#include "core/attributes.h"

PyObject *
attribute_holding(PyObject *object, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(object);
    if (!(type->tp_flags & KEEPS_VALUES) || !(type->tp_flags & Py_TPFLAGS_HEAPTYPE))
        return NULL;
    const DictKeys *keys = (DictKeys *)((PyHeapTypeObject *)type)->ht_cached_keys;
    PyObject *const *values = value_slots(instance_values(object));
    if (keys == NULL || keys->kind == 0 || values == NULL)
        return NULL;
    PyObject *const *entry = (PyObject *const *)(keys->indices + ((size_t)1 << keys->log2_index_bytes));
    for (Py_ssize_t place = 0; place < keys->entries; place++, entry += 2)
        if (values[place] == value)
            return entry[0];
    return NULL;
}
