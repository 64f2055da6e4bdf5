/* The frames of the running thread, read without a reference, an allocation or a lock. */
#ifndef MEMWATCH_FRAMES_H
#define MEMWATCH_FRAMES_H

#include "sampling/version.h"

#define DEEPEST 256

/* Where a frame stands: an index of two-byte units in its code. */
typedef struct {
    PyCodeObject *code;
    uint32_t unit;
    uint32_t fingerprint;
} Step;

/* Innermost first. `cut`: there were more frames. `notified`: no code here dies without a word. */
typedef struct {
    Step steps[DEEPEST];
    int depth;
    bool cut;
    bool notified;
} Trail;

/* A number for the stack of this thread, *depth* frames of it at most: no other stack has it as long as those codes
 * live. *watched*: the deaths of codes are watched, as far as that can be done. */
uint64_t frames_hash(int depth, bool watched);

/* The frames of this thread, *depth* of them at most; none if Python does not know the thread. */
void frames_walk(Trail *trail, int depth, bool watched);

/* Whether the frames are where version.h says; else an exception. Needs the GIL, and runs outside of any hook. */
bool frames_check(void);

#endif
