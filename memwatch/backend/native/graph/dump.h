/* A heap snapshot, written by a forked child or with the GIL held. */
#ifndef MEMWATCH_DUMP_H
#define MEMWATCH_DUMP_H

#include "call.h"

PyObject *dump_call(State *state, PyObject *const *args, Py_ssize_t given);
extern const char dump_doc[];
void dump_forget(State *state);

#endif
