/* The frames of the running thread, read without a reference, an allocation or a lock. */
#ifndef MEMWATCH_FRAMES_H
#define MEMWATCH_FRAMES_H

#include "version.h"

#define DEEPEST 256

/* Where a frame stands: an index of two-byte units in its code. */
typedef struct {
    PyCodeObject *code;
    uint32_t unit;
    uint32_t fingerprint;
} Step;

/* Innermost first. `cut`: there were more frames. */
typedef struct {
    Step steps[DEEPEST];
    int depth;
    bool cut;
} Trail;

/* The frames of this thread, *depth* of them at most; none if Python does not know the thread. */
void frames_walk(Trail *trail, int depth);

/* Whether the frames are where version.h says; else an exception. Needs the GIL, and runs outside of any hook. */
bool frames_check(void);

#endif
