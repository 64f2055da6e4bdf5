/* The set of objects that a walk has met: one bit for every 16 bytes of memory in which there is an object.
 *
 * Memory is cut into granules of 1 MiB; a granule's 65,536 slots take 8 KiB, which for a usual heap is about half a
 * byte for an object. A granule is found by two tables of 16,384 pointers, with the upper and the middle 14 bits of
 * the address. Objects begin at multiples of 16, save some static ones that begin 8 bytes later: those have tables
 * of their own, so that one bit is one object. The tables are mapped whole and hardly touched. */
#ifndef MEMWATCH_MARKS_H
#define MEMWATCH_MARKS_H

#include "core/memory.h"

#define GRANULE_SHIFT 20
#define TABLE_SHIFT 34
#define ADDRESS_BITS 48
#define TABLE_ROOM ((size_t)1 << 14)
#define WORDS 1024

typedef struct {
    uint64_t words[WORDS];
} Granule;

extern const Granule no_marks;

typedef struct {
    Granule ***tops[2]; /* objects at 16 n, objects at 16 n + 8 */
    Pool pool;
} Marks;

bool marks_begin(Memory *memory, Marks *marks);
void marks_free(Memory *memory, Marks *marks);

/* The granule of *address*, made if there is none yet; NULL without memory or for an address that cannot be. */
Granule *marks_open(Memory *memory, Marks *marks, uintptr_t address);

/* Calls *meet* with each object, in order of address, until it answers false; answers whether none did. */
bool marks_each(const Marks *marks, bool (*meet)(PyObject *, void *), void *arg);

/* How many objects there are. It may be more than a walk has counted: a subinterpreter can reach what another one
 * tracks, and that is met but in none of its own lists. */
size_t marks_count(const Marks *marks);

/* A granule by its number, and how many objects lie before it. */
typedef struct {
    uintptr_t granule;
    size_t before;
} Start;

/* Fill *starts*, which is empty, with a Start for each granule of marks that stay as they are; false without memory. */
bool marks_starts(Memory *memory, const Marks *marks, Row *starts);

/* How many objects lie before *address*, in whose granule there is one. */
size_t marks_rank(const Marks *marks, const Row *starts, uintptr_t address);

/* Enter all of *from* in *marks*; false without memory. */
bool marks_join(Memory *memory, Marks *marks, const Marks *from);

static inline Granule *
marks_find(const Marks *marks, uintptr_t address)
{
    Granule **table = address >> ADDRESS_BITS ? NULL : marks->tops[(address >> 3) & 1][address >> TABLE_SHIFT];
    return table ? table[(address >> GRANULE_SHIFT) & (TABLE_ROOM - 1)] : NULL;
}

static inline uint64_t *
mark_word(Granule *granule, uintptr_t address)
{
    return &granule->words[(address >> 10) & (WORDS - 1)];
}

#define MARK_BIT(address) ((uint64_t)1 << (((address) >> 4) & 63))

/* Enter *object*: 1 if it is new, 0 if it was there, -1 without memory. */
static inline int
marks_add(Memory *memory, Marks *marks, const void *object)
{
    uintptr_t address = (uintptr_t)object;
    Granule *granule = marks_find(marks, address);
    if (granule == NULL && (granule = marks_open(memory, marks, address)) == NULL)
        return -1;
    uint64_t *word = mark_word(granule, address), bit = MARK_BIT(address);
    if (*word & bit)
        return 0;
    *word |= bit;
    return 1;
}

static inline bool
marks_has(const Marks *marks, const void *object)
{
    Granule *granule = marks_find(marks, (uintptr_t)object);
    return granule && (*mark_word(granule, (uintptr_t)object) & MARK_BIT((uintptr_t)object));
}

static inline void
marks_remove(const Marks *marks, const void *object)
{
    Granule *granule = marks_find(marks, (uintptr_t)object);
    if (granule)
        *mark_word(granule, (uintptr_t)object) &= ~MARK_BIT((uintptr_t)object);
}

#endif
