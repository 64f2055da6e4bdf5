/* Small blocks of mapped memory that can be given back one by one: for names and stacks, which come and go. */
#ifndef MEMWATCH_SLAB_H
#define MEMWATCH_SLAB_H

#include "core/memory.h"

#define SLAB_UNIT ((size_t)32)
#define SLAB_LARGEST ((size_t)4096)

typedef struct Free Free;
typedef struct SlabChunk SlabChunk;

typedef struct {
    Free *free[SLAB_LARGEST / SLAB_UNIT + 1]; /* by units */
    SlabChunk *chunks;
} Slab;

/* A block of at least so many bytes (SLAB_LARGEST at most), not zeroed; NULL without memory. */
void *slab_take(Memory *memory, Slab *slab, size_t bytes);

/* Give back a block, with the number of bytes that it was taken with. */
void slab_give(Slab *slab, void *block, size_t bytes);

void slab_free(Memory *memory, Slab *slab);

#endif
