/* The names of attributes that an instance keeps in itself, without a dict. */
#ifndef MEMWATCH_ATTRIBUTES_H
#define MEMWATCH_ATTRIBUTES_H

#include "core/version.h"

/* The name under which *object* itself keeps *value*, borrowed; NULL where it does not, or a dict has them. */
PyObject *attribute_holding(PyObject *object, PyObject *value);

#endif
