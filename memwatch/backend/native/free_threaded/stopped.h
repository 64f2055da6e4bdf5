/* What can be seen of a free-threaded interpreter while all its threads stand still. */
#ifndef MEMWATCH_STOPPED_H
#define MEMWATCH_STOPPED_H

#include "core/memory.h"

/* See each one's text. */
PyObject *tracked(PyObject *module, PyObject *ignored);
PyObject *stopped_threads(PyObject *module, PyObject *variables);
PyObject *stopped_referents(PyObject *module, PyObject *objects); /* referents.c */
PyObject *count_stopped(PyObject *module, PyObject *ignored); /* blocks.c */
extern const char tracked_doc[], stopped_threads_doc[], stopped_referents_doc[], count_stopped_doc[];

#endif
