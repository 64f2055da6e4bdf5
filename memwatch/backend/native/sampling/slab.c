/* Blocks by size, cut from chunks of 32 KiB; a list of free ones for each size. See slab.h. */
#include "slab.h"

#define CHUNK_BYTES ((size_t)1 << 15)

struct Free {
    Free *next;
};

struct SlabChunk {
    SlabChunk *next;
    size_t used;
};

static int
size_class(size_t bytes)
{
    int found = 0;
    while ((size_t)32 << found < bytes)
        found++;
    return found;
}

void *
slab_take(Memory *memory, Slab *slab, size_t bytes)
{
    int class = size_class(bytes);
    Free *block = slab->free[class];
    if (block) {
        slab->free[class] = block->next;
        return block;
    }
    bytes = (size_t)32 << class;
    SlabChunk *chunk = slab->chunks;
    if (chunk == NULL || CHUNK_BYTES - chunk->used < bytes) {
        SlabChunk *made = memory_map(memory, CHUNK_BYTES);
        if (made == NULL)
            return NULL;
        *made = (SlabChunk){chunk, 32};
        slab->chunks = chunk = made;
    }
    chunk->used += bytes;
    return (char *)chunk + chunk->used - bytes;
}

void
slab_give(Slab *slab, void *block, size_t bytes)
{
    int class = size_class(bytes);
    ((Free *)block)->next = slab->free[class];
    slab->free[class] = block;
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
