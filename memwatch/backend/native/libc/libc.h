/* Sampling what C code takes from the C allocator: the functions malloc, free and their like, as the loaded libraries
 * see them.
 *
 * A library calls a function of another one through a slot in its own memory, which the loader has filled with the
 * function's address. Here the slots for the allocator's functions are filled with hooks instead, which count down as
 * those of Python's allocators do, and go on to the original. There is no function to call for that: the list of the
 * loaded objects, with their tables of slots, is what the loader itself works with (object.c).
 *
 * Some objects are left alone: this one; the loader; what defines an allocator itself, as libc does; and the object
 * with Python's own allocators, as their blocks have been counted already when they get there. There the one slot for
 * dlsym() is taken: Python calls it when it has loaded an extension module, which is the moment to look for libraries
 * that are new (patch.c).
 *
 * Slots are changed with an atomic compare and exchange, from the very value that the loader puts there to the hook
 * and back: whoever else changes slots keeps his. The hooks stay in memory for ever, so that a thread may be inside
 * of one, and a library may have copied its address, when the slots are put back. A hook takes the sampler's lock
 * alone, never the loader's; the loader's is taken for the walk over the objects, always without the GIL.
 *
 * What is not seen: calls inside of libc, as strdup's own (their free finds no sample, and nothing happens); libraries
 * that bring an allocator of their own; memory that is mapped. */
#ifndef MEMWATCH_LIBC_H
#define MEMWATCH_LIBC_H

#include "sampling/sampler.h"

/* Where all of this is known; elsewhere it says that it cannot be done. */
#if defined(__linux__) && defined(__GLIBC__) && (defined(__x86_64__) || defined(__aarch64__))
#define KNOWS_NATIVE 1
#else
#define KNOWS_NATIVE 0
#endif

/* ---- libc.c: for Python, with the GIL ---- */

/* Begin, for the sampling that runs; false with an exception. Nothing happens if it has begun. */
bool native_begin(void);

/* Put the slots back, and forget what was sampled by them. */
void native_end(void);

bool native_runs(void);

/* See to libraries that have been loaded since; costs next to nothing if there are none. */
void native_follow(void);

/* Objects with slots that are ours, and such slots, at the last look. */
typedef struct {
    uint32_t objects;
    uint32_t slots;
} NativeCount;

NativeCount native_count(void);

#endif
