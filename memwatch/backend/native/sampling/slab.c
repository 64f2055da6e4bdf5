/* Blocks by size, cut from chunks of 32 KiB; a list of free ones for each size. See slab.h. */
#include "sampling/slab.h"

#define CHUNK_BYTES ((size_t)1 << 15)

struct Free {
    Free *next;
};

struct SlabChunk {
    SlabChunk *next;
    size_t used;
};

/* In units, which is its class as well. */
static size_t
units_of(size_t bytes)
{
    return (bytes + SLAB_UNIT - 1) / SLAB_UNIT;
}

void *
slab_take(Memory *memory, Slab *slab, size_t bytes)
{
    size_t units = units_of(bytes);
    Free *block = slab->free[units];
    if (block) {
        slab->free[units] = block->next;
        return block;
    }
    bytes = units * SLAB_UNIT;
    SlabChunk *chunk = slab->chunks;
    if (chunk == NULL || CHUNK_BYTES - chunk->used < bytes) {
        SlabChunk *made = memory_map(memory, CHUNK_BYTES);
        if (made == NULL)
            return NULL;
        *made = (SlabChunk){chunk, SLAB_UNIT};
        slab->chunks = chunk = made;
    }
    chunk->used += bytes;
    return (char *)chunk + chunk->used - bytes;
}

void
slab_give(Slab *slab, void *block, size_t bytes)
{
    size_t units = units_of(bytes);
    ((Free *)block)->next = slab->free[units];
    slab->free[units] = block;
}

void
slab_free(Memory *memory, Slab *slab)
{
    for (SlabChunk *chunk = slab->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        memory_unmap(memory, chunk, CHUNK_BYTES);
    }
    *slab = (Slab){0};
}
