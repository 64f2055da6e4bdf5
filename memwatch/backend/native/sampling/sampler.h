/* The sampler's state, one for the process, as the allocators are; and what its parts offer each other.
 *
 * What a hook may do, at any moment of any program: read its own thread's countdown and frames, take the lock for a
 * few hundred instructions, change tables of mapped memory. What it may not: take the GIL, call Python or an
 * allocator with the lock in hand, count a reference, or wait for one who waits for anything but the lock. */
#ifndef MEMWATCH_SAMPLER_H
#define MEMWATCH_SAMPLER_H

#include "sampling/countdown.h"
#include "sampling/samples.h"
#include "sampling/stacks.h"

#include <pthread.h>

typedef struct {
    /* Read by every hook, without the lock; written with the GIL and the lock. */
    bool active;
    uint32_t run;    /* which start this is */
    uint32_t epoch;  /* of the interval */
    double interval; /* bytes */
    int depth;
    bool watched; /* the deaths of codes are told */
    uint64_t expected; /* see expected_samples(); added to atomically */
    uint64_t dropped;  /* samples that there was no lock or no memory for; added to atomically */

    /* Protected by the lock. */
    Memory memory;
    Names names;
    Stacks stacks;
    Samples samples;
    size_t most; /* live samples */
    double floor; /* no sample was drawn with a smaller interval, or was thinned since */
    uint64_t taken;
    uint64_t random;
    size_t overflowing; /* live samples without a stack */
    bool native; /* native samples may be entered */

    pthread_mutex_t lock;
} Sampler;

extern Sampler sampler __attribute__((visibility("hidden")));

/* What sample_remove() hands out, until it comes back or is forgotten. Another start makes it void. */
typedef struct {
    Sample sample;
    uint32_t run;
} Removed;

/* ---- lock.c ---- */

/* Take the lock if it is free soon, or wait for it; false if this thread holds it already, as when a signal handler
 * allocates. */
bool sampler_try_lock(void);
bool sampler_lock(void);
void sampler_unlock(void);

/* ---- take.c: what a hook does with a block that may be a sample ---- */

/* Keep *block*, of *size* bytes, as a sample. */
void sample_take(void *block, size_t size, double interval, bool small);

/* Take *block* out of the samples, because it is about to be freed; false if it is none. */
bool sample_remove(const void *block, Removed *found);

/* What was removed comes back, at another address or with another size; or it does not, and its stack is let go. */
void sample_return(const Removed *removed);
void sample_forget(const Removed *removed);

/* Let some samples go, so that there are fewer than *most*, as if they had been drawn with a larger interval, which
 * is the interval from now on. With the lock. */
void samples_thin(void);

/* As sample_take(), for a block that is not Python's. */
void sample_take_native(void *block, size_t size, double interval);

/* From now on there may be native samples in *run*; or there may be none, and those that there are go. */
void samples_let_native(bool let, uint32_t run);

/* ---- hooks.c ---- */

/* What was removed has moved to another address, or has another size, or both: keep it as a sample, or do not. */
void sample_resize(Removed *removed, void *moved, size_t bytes);

/* ---- countdown.c ---- */

double expected_samples(void);

#endif
