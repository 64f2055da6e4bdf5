/* The names of attributes that an instance keeps in itself: its values lie beside each other, in the order of the keys
 * that all instances of its class share. To ask Python for them would make a dict that the program has not. */
#include "core/attributes.h"

static int
append_pair(PyObject *list, PyObject *name, PyObject *value)
{
    PyObject *pair = PyTuple_Pack(2, name, value);
    int failed = pair == NULL || PyList_Append(list, pair) < 0;
    Py_XDECREF(pair);
    return failed ? -1 : 0;
}

PyObject *
attributes_of(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject *found = PyList_New(0);
    if (found == NULL || !(type->tp_flags & KEEPS_VALUES) || !(type->tp_flags & Py_TPFLAGS_HEAPTYPE))
        return found;
    const DictKeys *keys = (DictKeys *)((PyHeapTypeObject *)type)->ht_cached_keys;
    PyObject *const *values = value_slots(instance_values(object));
    if (keys == NULL || keys->kind == 0 || values == NULL)
        return found;
    PyObject *const *entry = (PyObject *const *)(keys->indices + ((size_t)1 << keys->log2_index_bytes));
    for (Py_ssize_t place = 0; place < keys->entries; place++, entry += 2)
        if (values[place] && append_pair(found, entry[0], values[place]) < 0) {
            Py_DECREF(found);
            return NULL;
        }
    return found;
}
