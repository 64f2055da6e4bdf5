/* The collector's state, version by version. See ../core/version.h, and check.c, which finds and checks it. */
#ifndef MEMWATCH_CENSUS_VERSION_H
#define MEMWATCH_CENSUS_VERSION_H

#include "core/version.h"

typedef struct { /* struct gc_generation: pycore_gc.h, from 3.14 on pycore_interp_structs.h */
    GCHead head; /* of a ring in which it is the only member that is no object */
    int threshold;
    int count;
} Generation;

#define GENERATIONS 3 /* they lie side by side inside the interpreter's state, the youngest first */

/* What follows the generations (struct _gc_runtime_state, in the same headers). The first releases of 3.14 had another
 * collector, with flags in `next` and without `youngest`: the check does not find that there.
 *
 * A release between 3.13.0 and 3.13.15 began to align heads to 4 bytes alone. Since then the generations end at an odd
 * multiple of 4, and there is a gap before what follows, which is aligned as it was. The extension may have been built
 * with a release of the other kind: which it is, is found out when it is loaded. */
#define MOST_GAP 4

typedef struct __attribute__((packed, aligned(4))) {
#if PY_VERSION_HEX < 0x030E0000
    GCHead *youngest;
#endif
    Generation permanent; /* what gc.freeze() has put aside */
#if PY_VERSION_HEX >= 0x030F0000
    void *stats;
    int collecting, unused;
    void *frame; /* in which the collection began */
#else
    Py_ssize_t stats[GENERATIONS][3];
    int collecting, unused;
#endif
    PyObject *garbage;
    PyObject *callbacks;
#if PY_VERSION_HEX >= 0x030F0000
    Py_ssize_t objects, old_objects, aging_objects;
    GCHead *youngest;
#elif PY_VERSION_HEX >= 0x030E0000
    Py_ssize_t objects, counts[2], old_objects, aging_objects;
    GCHead *youngest;
#endif
} BehindGenerations;

/* Where all of it is. */
typedef struct {
    Generation *generations;
    BehindGenerations *behind;
} GCState;

#endif
