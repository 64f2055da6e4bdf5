/* The functions that a forked child answers: a census, and evidence of who is there and who holds what is new. */
#ifndef MEMWATCH_LOOK_H
#define MEMWATCH_LOOK_H

#include "census/check.h"

PyObject *count_in_child_call(State *state, PyObject *const *args, Py_ssize_t given);
extern const char count_in_child_doc[];

PyObject *look_in_child_call(State *state, PyObject *const *args, Py_ssize_t given);
extern const char look_in_child_doc[];

#endif
