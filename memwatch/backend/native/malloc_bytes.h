/* What malloc's allocator says of itself. */
#ifndef MEMWATCH_MALLOC_BYTES_H
#define MEMWATCH_MALLOC_BYTES_H

#include <Python.h>

/* Bytes that malloc has handed out, mapped blocks included; None where it does not tell. */
PyObject *malloc_bytes(PyObject *module, PyObject *ignored);
extern const char malloc_doc[];

#endif
