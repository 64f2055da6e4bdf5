/* The check at import: what the module needs to know of this interpreter, or an ImportError that says what is new. */
#ifndef MEMWATCH_CHECK_H
#define MEMWATCH_CHECK_H

#include "census/walk.h"
#include "core/ids.h"

/* All that the module keeps. Protected by the interpreter's GIL. */
typedef struct {
    GCState collector;
    PyTypeObject *snapshot_type;
    PyTypeObject *array_type; /* numpy's, or NULL */
    Measures measures;
    bool knows_frames; /* else nothing here reads one: the search for holders runs in Python, nothing is sampled */
    Memory memory;
    Memory numbers; /* of what follows, which outlives a walk */
    Ids ids;
} State;

bool check_interpreter(State *state);

#endif
