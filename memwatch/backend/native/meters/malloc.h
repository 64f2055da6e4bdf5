/* What malloc's allocator says of itself. */
#ifndef MEMWATCH_METERS_MALLOC_H
#define MEMWATCH_METERS_MALLOC_H

#include <Python.h>

/* Bytes that malloc has handed out, mapped blocks included; None where it does not tell. */
PyObject *malloc_bytes(PyObject *module, PyObject *ignored);
extern const char malloc_doc[];

#endif
