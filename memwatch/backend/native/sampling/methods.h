/* What the module offers of the sampler. */
#ifndef MEMWATCH_METHODS_H
#define MEMWATCH_METHODS_H

#include "version.h"

extern PyMethodDef sampling_methods[] __attribute__((visibility("hidden")));

#endif
