/* Memory for a walk: straight from the system, so that a census neither changes what it counts nor re-enters
 * an allocator. What is mapped comes zeroed, and costs nothing until it is written to. */
#ifndef MEMWATCH_MEMORY_H
#define MEMWATCH_MEMORY_H

#include "core/version.h"

/* What a walk has mapped. `fail_after` counts down for the tests: at 0 every further mapping fails; -1 is never. */
typedef struct {
    size_t now;
    size_t peak;
    long fail_after;
} Memory;

/* A row of elements that grows; `stride` bytes each. */
typedef struct {
    char *data;
    size_t used;
    size_t room;
    size_t stride;
} Row;

/* Where small zeroed blocks of one walk are cut from, freed all at once. */
typedef struct Chunk Chunk;
typedef struct {
    Chunk *last;
    size_t counted;
} Pool;

void *memory_map(Memory *memory, size_t bytes);
void memory_unmap(Memory *memory, void *start, size_t bytes);

/* So many bytes that may be touched here and there: not counted, large or not, and in no dump. NULL without. */
void *memory_reserve(Memory *memory, size_t bytes);

/* Give the pages back; what was reserved is zero again. */
void memory_empty(void *start, size_t bytes);

/* Room for one element more at the end: its address, or NULL without memory. */
void *row_grow(Memory *memory, Row *row);
void row_free(Memory *memory, Row *row);

static inline void *
row_add(Memory *memory, Row *row)
{
    if (row->used == row->room)
        return row_grow(memory, row);
    return row->data + row->used++ * row->stride;
}

static inline bool
row_push(Memory *memory, Row *row, void *pointer)
{
    void **place = row_add(memory, row);
    if (place == NULL)
        return false;
    *place = pointer;
    return true;
}

/* A block that will be written all over, and one that will hardly be touched: only the first is counted. */
void *pool_cut(Memory *memory, Pool *pool, size_t bytes);
void *pool_reserve(Memory *memory, Pool *pool, size_t bytes);
void pool_free(Memory *memory, Pool *pool);

#endif
