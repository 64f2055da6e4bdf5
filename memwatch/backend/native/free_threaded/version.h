/* What has to be known of the insides of a CPython without a GIL; ../core/version.h has its frames. */
#ifndef MEMWATCH_FREE_THREADED_VERSION_H
#define MEMWATCH_FREE_THREADED_VERSION_H

#include "core/version.h"

/* Whether a collection has found *object* to be garbage, and is about to end it. */
static inline bool
is_being_collected(const PyObject *object)
{
    return object->ob_gc_bits & 4;
}

#endif
