/* Dominators, for Python: of the living heap, or of columns that were read from a file. */
#ifndef MEMWATCH_DOMINANCE_H
#define MEMWATCH_DOMINANCE_H

#include "call.h"

PyObject *retained_call(State *state, PyObject *const *args, Py_ssize_t given);
extern const char retained_doc[];
PyObject *retained_of_call(State *state, PyObject *const *args, Py_ssize_t given);
extern const char retained_of_doc[];
PyObject *dominators_of_call(State *state, PyObject *const *args, Py_ssize_t given);
extern const char dominators_of_doc[];

#endif
