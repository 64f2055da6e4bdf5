/* The names of attributes that an instance keeps in itself: its values lie beside each other, in the order of the keys
 * that all instances of its class share. They are told in the order in which they were set: from 3.14 on a class begins
 * with the keys that its methods set, sorted. To ask Python for them would make a dict that the program has not. */
#include "core/attributes.h"

/* Which of *values* was set as the one of number *nth*, from 0 on; -1 where there are no more. */
static Py_ssize_t
place_of_nth(const void *values, Py_ssize_t nth)
{
    const uint8_t *counts = values;
    if (VALUES_ARE_INSIDE) /* counts, the values, and the order behind them */
        return nth < counts[1] ? counts[(counts[0] + 1) * (Py_ssize_t)sizeof(PyObject *) + nth] : -1;
    return nth < counts[-2] ? counts[-3 - nth] : -1; /* the order and the counts stand before the values, backwards */
}

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
    const void *kept = instance_values(object);
    PyObject *const *values = kept ? value_slots(kept) : NULL;
    if (keys == NULL || keys->kind == 0 || values == NULL)
        return found;
    PyObject *const *entries = (PyObject *const *)(keys->indices + ((size_t)1 << keys->log2_index_bytes));
    Py_ssize_t place;
    for (Py_ssize_t nth = 0; (place = place_of_nth(kept, nth)) >= 0 && place < keys->entries; nth++)
        if (values[place] && append_pair(found, entries[2 * place], values[place]) < 0) {
            Py_DECREF(found);
            return NULL;
        }
    return found;
}
