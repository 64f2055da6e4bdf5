/* The identity snapshot: which objects there are and of which type, in three bytes for each.
 *
 * It is the marks of a walk, kept, and a number for each object's type, in order of address. An object's number is
 * found by its rank: how many marks lie before its own. Numbers take 16 bits, or 32 where there are more types. */
#ifndef MEMWATCH_SNAPSHOT_H
#define MEMWATCH_SNAPSHOT_H

#include "walk.h"

typedef struct {
    PyObject_HEAD
    Memory memory; /* its own: a snapshot outlives the walk */
    Marks marks;
    void *numbers;
    size_t rows;
    bool wide;
} Snapshot;

/* The type of snapshots, for one module. */
PyObject *snapshot_type(PyObject *module);

/* A snapshot of what *walk* met, which gives its marks away; before result_hold(). NULL without memory, no exception.
 * *made* is an empty snapshot. */
bool snapshot_fill(Snapshot *made, Walk *walk);

#endif
