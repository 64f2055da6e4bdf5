/* What the module offers of the sampler. */
#ifndef MEMWATCH_METHODS_H
#define MEMWATCH_METHODS_H

#include "version.h"

/* objects.c */
PyObject *sampling_objects(PyObject *module, PyObject *types);
extern const char sampling_objects_doc[];

extern PyMethodDef sampling_methods[] __attribute__((visibility("hidden")));

#endif
