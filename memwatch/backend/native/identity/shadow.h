/* The shadow: when the last object was born at an address, in one byte for every 16 bytes of memory.
 *
 * A traced birth happens for each object that the program makes, so it must cost a few instructions wherever it is:
 * take off where the shadow starts, compare with its span, and store the serial of the latest epoch. No object is
 * smaller than 16 bytes, so nothing can be born at a byte's address while another object lives there, however either
 * of them is aligned. A store of a byte needs no lock: interpreters that run at once may enter what they make, which
 * is true of those addresses too.
 *
 * The shadow covers 64 GiB of addresses around Python's heap. It is reserved, and takes memory only for pages in which
 * there were births: at most a sixteenth of those. It is emptied when no epoch is left, and never given back, because
 * a store may be under way in another interpreter. What is born elsewhere is not in it, and all is where it cannot be
 * had; births.c enters that in marks. */
#ifndef MEMWATCH_SHADOW_H
#define MEMWATCH_SHADOW_H

#include "core/memory.h"

#define LAST_SERIAL UINT8_MAX

/* In one line of the cache. */
typedef struct {
    uintptr_t start; /* of the addresses */
    size_t span;     /* of the addresses; 0 while there is no epoch */
    uint8_t *bytes;  /* serials; NULL: not reserved */
    uint8_t serial;  /* of the latest epoch, 0 before the first one */
} Shadow;

extern Shadow shadow;

/* Reserve it around *address*, if it is not yet. It may fail, and says nothing then. */
void shadow_reserve(Memory *memory, uintptr_t address);

/* Begin another epoch; false when there are no serials left, and shadow_empty() has to come first. */
bool shadow_begin(void);

/* Forget all births, and enter none. */
void shadow_empty(void);

/* Enter a birth; false where the shadow does not reach. */
static inline bool
shadow_enter(const void *object)
{
    uintptr_t place = (uintptr_t)object - shadow.start;
    if (__builtin_expect(place >= shadow.span, 0))
        return false;
    shadow.bytes[place / 16] = shadow.serial;
    return true;
}

/* Whether a birth was entered there since the epoch of *serial*. */
static inline bool
shadow_has(const void *object, uint8_t serial)
{
    uintptr_t place = (uintptr_t)object - shadow.start;
    return place < shadow.span && shadow.bytes[place / 16] >= serial;
}

#endif
