/* The names of attributes that an instance keeps in itself, without a dict. */
#ifndef MEMWATCH_ATTRIBUTES_H
#define MEMWATCH_ATTRIBUTES_H

#include "core/version.h"

/* A new list of pairs of name and value; empty where *object* keeps none in itself, or a dict has them. NULL with an
 * exception where there is no memory. */
PyObject *attributes_of(PyObject *object);

#endif
