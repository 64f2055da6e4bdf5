/* What can be seen of a free-threaded interpreter while all its threads stand still. */
#ifndef MEMWATCH_STOPPED_H
#define MEMWATCH_STOPPED_H

#include "core/memory.h"

/* See each one's text. */
PyObject *tracked(PyObject *module, PyObject *ignored);
PyObject *count_tracked(PyObject *module, PyObject *ignored);
PyObject *stopped_threads(PyObject *module, PyObject *variables);
PyObject *stopped_referents(PyObject *module, PyObject *objects); /* referents.c */
extern const char tracked_doc[], count_tracked_doc[], stopped_threads_doc[], stopped_referents_doc[];

#endif
