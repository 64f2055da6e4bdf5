/* The label of a type, made without Python: in a forked child there is neither an allocator nor anyone to call. */
#ifndef MEMWATCH_LABEL_H
#define MEMWATCH_LABEL_H

#include "core/version.h"

typedef void (*PutText)(void *arg, const char *text, size_t bytes);

/* Calls *put* with the pieces of what type_label() of backend/type_labels.py makes, in UTF-8; lone surrogates have
 * three bytes, as with "surrogatepass". */
void label_put(PyTypeObject *type, PutText put, void *arg);

/* The same with the first *most* characters of a str that is readable. */
void text_put(PyObject *text, Py_ssize_t most, PutText put, void *arg);

#endif
