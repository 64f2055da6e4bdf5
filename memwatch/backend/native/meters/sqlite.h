/* What SQLite says of its pages. */
#ifndef MEMWATCH_METERS_SQLITE_H
#define MEMWATCH_METERS_SQLITE_H

#include <Python.h>

/* Bytes of its pages in memory, of the library behind the extension module at *path*; None where it does not tell. */
PyObject *sqlite_page_bytes(PyObject *module, PyObject *path);
extern const char sqlite_page_bytes_doc[];

#endif
