/* The numbers that objects have in heap snapshots: the same for the same object in all snapshots of a process.
 *
 * The format has 32 bits for them, an address has 48. So the memory in which there are objects is cut into pieces of
 * 1 MiB, and each piece gets a number when it comes up first; an object's id is that number and its place in the piece.
 * A piece has four numbers, by the object's type, so that one that takes another's place mostly has another id; when
 * half of all numbers are given, new pieces have one. The table is kept: 16 bytes for each. */
#ifndef MEMWATCH_IDS_H
#define MEMWATCH_IDS_H

#include "core/marks.h"
#include "core/pointers.h"

#define MOST_RANGES ((size_t)1 << 16)

typedef struct {
    Memory *memory;
    Pointers ranges;
    bool full; /* there are no more numbers */
    bool failed;
} Ids;

uint32_t id_of(Ids *ids, const void *object, const void *type);

/* What a child has numbered: a range as ranges has it. */
bool ids_learn(Ids *ids, uint64_t range, uint64_t number);

#endif
