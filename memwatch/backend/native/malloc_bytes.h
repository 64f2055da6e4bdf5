/* What the C library's allocator says of itself. */
#ifndef MEMWATCH_MALLOC_BYTES_H
#define MEMWATCH_MALLOC_BYTES_H

#include "core/version.h"

/* Bytes that malloc has handed out, mapped blocks included; None where the C library does not tell. */
PyObject *malloc_bytes(PyObject *module, PyObject *ignored);

#endif
