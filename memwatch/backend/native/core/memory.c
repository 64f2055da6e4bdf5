/* Mapped memory: pages, rows that grow by doubling, and a pool of small blocks. See memory.h.
 *
 * `now` and `peak` count bytes as the system hands out pages: rows whole, a pool's blocks as they are cut, and tables
 * that stay nearly empty not at all. */
#include "core/memory.h"

#include <string.h>
#include <sys/mman.h>

#define FIRST_ROOM 4096 /* bytes of a row at first */
#define CHUNK_BYTES ((size_t)1 << 20)

struct Chunk {
    Chunk *before;
    size_t used;
    size_t size;
};

static void
count(Memory *memory, size_t bytes)
{
    memory->now += bytes;
    if (memory->now > memory->peak)
        memory->peak = memory->now;
}

static void *
map_with(Memory *memory, size_t bytes, int flags)
{
    if (memory->fail_after == 0)
        return NULL;
    if (memory->fail_after > 0)
        memory->fail_after--;
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

static void *
map_uncounted(Memory *memory, size_t bytes)
{
    return map_with(memory, bytes, 0);
}

void *
memory_map(Memory *memory, size_t bytes)
{
    void *start = map_uncounted(memory, bytes);
    if (start)
        count(memory, bytes);
    return start;
}

void
memory_unmap(Memory *memory, void *start, size_t bytes)
{
    if (start == NULL)
        return;
    munmap(start, bytes);
    memory->now -= bytes;
}

/* What is mapped for a row: its elements may leave a rest at the end. */
static size_t
row_bytes(const Row *row)
{
    return (row->room * row->stride + FIRST_ROOM - 1) / FIRST_ROOM * FIRST_ROOM;
}

void *
memory_reserve(Memory *memory, size_t bytes)
{
    void *start = map_with(memory, bytes, MAP_NORESERVE);
#ifdef MADV_NOHUGEPAGE
    if (start)
        madvise(start, bytes, MADV_NOHUGEPAGE);
#endif
#ifdef MADV_DONTDUMP
    if (start)
        madvise(start, bytes, MADV_DONTDUMP);
#endif
    return start;
}

void
memory_empty(void *start, size_t bytes)
{
    madvise(start, bytes, MADV_DONTNEED);
}

void *
row_grow(Memory *memory, Row *row)
{
    size_t bytes = row_bytes(row);
    size_t wanted = bytes ? 2 * bytes : FIRST_ROOM;
    char *data = memory_map(memory, wanted);
    if (data == NULL)
        return NULL;
    if (bytes) {
        memcpy(data, row->data, row->used * row->stride);
        memory_unmap(memory, row->data, bytes);
    }
    row->data = data;
    row->room = wanted / row->stride;
    return row->data + row->used++ * row->stride;
}

void
row_free(Memory *memory, Row *row)
{
    memory_unmap(memory, row->data, row_bytes(row));
    row->data = NULL;
    row->used = row->room = 0;
}

void *
pool_reserve(Memory *memory, Pool *pool, size_t bytes)
{
    Chunk *chunk = pool->last;
    if (chunk == NULL || chunk->size - chunk->used < bytes) {
        size_t size = Py_MAX(CHUNK_BYTES, bytes + sizeof(Chunk));
        chunk = map_uncounted(memory, size);
        if (chunk == NULL)
            return NULL;
        *chunk = (Chunk){.before = pool->last, .used = sizeof(Chunk), .size = size};
        pool->last = chunk;
    }
    void *block = (char *)chunk + chunk->used;
    chunk->used += bytes;
    return block;
}

void *
pool_cut(Memory *memory, Pool *pool, size_t bytes)
{
    void *block = pool_reserve(memory, pool, bytes);
    if (block) {
        count(memory, bytes);
        pool->counted += bytes;
    }
    return block;
}

void
pool_free(Memory *memory, Pool *pool)
{
    for (Chunk *chunk = pool->last, *before; chunk; chunk = before) {
        before = chunk->before;
        munmap(chunk, chunk->size);
    }
    memory->now -= pool->counted;
    *pool = (Pool){0};
}
