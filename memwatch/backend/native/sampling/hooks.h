/* What stands before Python's allocators while there is sampling: functions that count down and go on to the original.
 *
 * Small blocks (up to 512 bytes) come from arenas, whose free is asked for them all the time. So that it need not be
 * hooked, a small block that becomes a sample is *promoted*: the original is asked for a little more than an arena
 * gives, and takes it from the raw allocator by itself. When it is freed, the original passes it on to the raw
 * allocator's free, and only there a hook looks for it. Larger blocks are counted where they arrive, by the raw
 * hooks.
 *
 * Where the original does otherwise (PYTHONMALLOC=debug, malloc or mimalloc) every free is hooked instead, and blocks
 * of every size are counted where they are asked for. What arrives at the raw allocator there, if anything does, is
 * larger and begins before the object: it is not counted again.
 *
 * An allocator that was once hooked stays described in its slot for ever, and a slot never changes once it is in use:
 * another thread may be inside of a hook when it is taken away. A hook passes its caller's context on, which is the
 * original's own, so that any mixture of old and new functions works. Where somebody else has put an allocator on top
 * of ours, the hooks stay where they are when sampling stops, and do nothing but count. */
#ifndef MEMWATCH_HOOKS_H
#define MEMWATCH_HOOKS_H

#include "sampling/sampler.h"

#define DOMAINS 3 /* by PyMemAllocatorDomain: raw, mem, obj */
#define SLOTS 4
#define EVERYTHING ((size_t)-1)

typedef struct {
    PyMemAllocatorEx original[DOMAINS];
    size_t small;    /* the largest request that this is asked for itself; larger ones arrive at the raw allocator */
    size_t unasked;  /* a larger request to change a block need not be looked at: as `small`, or EVERYTHING */
    size_t promoted; /* the request that makes a block arrive at the raw allocator */
    bool promotes;
    bool arrives;      /* without promotion: what a small domain is asked for may arrive at the raw allocator, too */
    bool usable;       /* the raw allocator's blocks are malloc's own: malloc_usable_size() knows them */
    bool all_mallocs;  /* those of the other domains as well, of any size */
} Slot;

/* Which slot, if any, is in front of the allocators now, also below somebody else's; -1. */
int hooks_in_place(void);

/* Put hooks there, if there are none; false with an exception. Answers the slot. Needs the GIL, as all of these. */
int hooks_install(void);

/* Take them away where nobody is on top of them. */
void hooks_remove(void);

/* Ours in *slot*, to be completed as the slot says. */
void hooks_make(int slot, PyMemAllocatorDomain domain, PyMemAllocatorEx *made);

extern Slot slots[SLOTS] __attribute__((visibility("hidden")));

/* ---- probe.c ---- */

/* Find out what the original allocators of *slot* do with blocks. Its raw hooks are in place. */
void probe(Slot *slot);

/* From the raw hooks of a thread that probes: a block has come, or is about to go. */
void probe_tell_new(const void *block, size_t size);
void probe_tell_free(const void *block);

#endif
