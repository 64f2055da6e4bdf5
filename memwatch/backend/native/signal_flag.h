/* A signal that is only counted: for what is to happen although the main thread waits inside C. */
#ifndef MEMWATCH_SIGNAL_FLAG_H
#define MEMWATCH_SIGNAL_FLAG_H

#include "core/version.h"

PyObject *signal_flag(PyObject *module, PyObject *number);
extern const char signal_flag_doc[];
PyObject *signals_seen(PyObject *module, PyObject *ignored);
extern const char signals_seen_doc[];

#endif
