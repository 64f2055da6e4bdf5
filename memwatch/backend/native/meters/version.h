/* How Python's own allocator keeps its arenas, and where the versions differ in it. None of it is believed before
 * arenas.c has held its count against the interpreter's. */
#ifndef MEMWATCH_METERS_VERSION_H
#define MEMWATCH_METERS_VERSION_H

#include "../core/version.h"
#ifdef __linux__
#include <malloc.h>
#endif

#define ARENA_BYTES ((uintptr_t)1 << 20)
#define POOL_BYTES ((uintptr_t)1 << 14)
#define MOST_POOLS (ARENA_BYTES / POOL_BYTES)
#define CLASS_BYTES 16
#define SIZE_CLASSES 32

/* struct pool_header (Objects/obmalloc.c in 3.11, pycore_obmalloc.h from 3.12 on): the head of a pool. */
typedef struct {
    uint32_t used, unused; /* blocks, padding */
    void *links[3];
    uint32_t arena; /* its number in the table */
    uint32_t size_class;
    uint32_t next_offset, last_offset;
} Pool;
static_assert(sizeof(Pool) == 48, "the blocks of a pool begin there");

/* struct arena_object, in the same files. */
typedef struct {
    uintptr_t address; /* 0 while there is no such arena */
    uintptr_t carved;  /* the end of the pools that were made so far */
    uint32_t free_pools, pools;
    void *links[3];
} Arena;
static_assert(sizeof(Arena) == 48, "one entry of the table");

/* Whether the allocator's variables may lie amid others that the file gives a value: 3.12.0 and 3.12.1 have them in the
 * state of the main interpreter, other versions among those that are zero at first. */
#define ARENAS_MAY_BE_INITIALIZED (PY_VERSION_HEX >= 0x030C0000)

/* Whether *word* may lead to the table of arenas: from 3.12 on the number of those there is room for stands behind it,
 * which doubles from 16 on. */
static inline bool
may_lead_to_arenas(void *const *word)
{
#if PY_VERSION_HEX >= 0x030C0000
    uint32_t room = *(const uint32_t *)(word + 1);
    return room >= 16 && (room & (room - 1)) == 0;
#else
    return word != NULL;
#endif
}

/* That number, or 0 for a table that 3.11 has from another allocator: there malloc alone knows. */
static inline size_t
arena_room(void *const *word, size_t bytes)
{
#if PY_VERSION_HEX >= 0x030C0000
    (void)bytes;
    return *(const uint32_t *)(word + 1);
#else
    bool debugs = ((const uint8_t *)*word)[-1] == 0xFD; /* the debug allocator puts that before a block */
    size_t usable = debugs ? 0 : malloc_usable_size(*word) / bytes, room = 8;
    while (room * 2 <= usable && room < (size_t)1 << 24)
        room *= 2;
    return room >= 16 ? room : 0;
#endif
}

#endif
