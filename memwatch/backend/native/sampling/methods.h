/* What the module offers of the sampler. */
#ifndef MEMWATCH_METHODS_H
#define MEMWATCH_METHODS_H

#include "sampling/version.h"

/* objects.c */
PyObject *sampling_objects(PyObject *module, PyObject *types);
extern const char sampling_objects_doc[];

/* libc/methods.c */
PyObject *sampling_native(PyObject *module, PyObject *wanted);
PyObject *sampling_native_stats(PyObject *module, PyObject *ignored);
PyObject *sampling_native_slots(PyObject *module, PyObject *ignored);
PyObject *sampling_follow(PyObject *module, PyObject *ignored);
extern const char sampling_native_doc[], sampling_native_stats_doc[], sampling_native_slots_doc[];
extern const char sampling_follow_doc[];

/* False with an exception in another interpreter. */
bool sampling_is_main(void);

extern PyMethodDef sampling_methods[] __attribute__((visibility("hidden")));

#endif
