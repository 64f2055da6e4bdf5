/* The blocks of Python's allocator, by number and by bytes, where there is no GIL.
 *
 * All objects come from mimalloc there, which keeps a heap of pages for each thread and kind of block; a page has
 * blocks of one size, and says how many of them are in use. What a thread leaves when it ends waits in segments that
 * others will take over. All of it is read while the threads stand still, page by page: 64 KiB at least, so that a
 * GiB takes some ten thousand steps. What C code asks of malloc is not among it, nor what PyMem_RawMalloc gives.
 *
 * What other threads have freed counts as used until the owner of the page takes it back, which one that has ended
 * never does: it is gone through too, up to MOST_FREED blocks. The structs are those of the headers that this
 * interpreter was installed with. */
#define Py_BUILD_CORE 1
#include "free_threaded/stopped.h"

#include <pycore_gc.h>
#include <pycore_pystate.h>
#include <pycore_runtime.h>
#include <pycore_tstate.h>

#define MOST_FREED 200000 /* steps from block to block, of up to 0.1 us: no stop becomes long by them */
#define MANY 1000         /* threads, where they could not be counted */

typedef struct {
    PyThreadState *own;
    size_t blocks, bytes, freed;
    double stopped, over; /* when all stood, and when they may go on, in seconds */
} Used;

static size_t
block_size(const mi_page_t *page)
{
    if (page->xblock_size < MI_HUGE_BLOCK_SIZE)
        return page->xblock_size;
    return (size_t)page->slice_count * MI_SEGMENT_SLICE_SIZE; /* one block, which has all of the page */
}

/* How many blocks of *page* others have freed. */
static size_t
count_freed(Used *used, const mi_page_t *page)
{
    size_t count = 0;
    const mi_block_t *block = mi_page_thread_free(page);
    for (; block && count < page->used && used->freed < MOST_FREED; block = mi_block_next(page, block)) {
        count++;
        used->freed++;
    }
    return count;
}

static void
add_page(Used *used, const mi_page_t *page)
{
    size_t blocks = page->used - count_freed(used, page);
    used->blocks += blocks;
    used->bytes += blocks * block_size(page);
}

static void
add_heap(Used *used, const mi_heap_t *heap)
{
    for (size_t size = 0; heap->page_count && size <= MI_BIN_FULL; size++)
        for (const mi_page_t *page = heap->pages[size].first; page; page = page->next)
            add_page(used, page);
}

/* A page begins at its first slice; free slices have no size of a block, and those after the last page no number. */
static void
add_segments(Used *used, const mi_segment_t *segment)
{
    for (; segment; segment = segment->abandoned_next) {
        const mi_slice_t *slice = segment->slices, *end = slice + segment->slice_entries;
        for (; slice < end && slice->slice_count; slice += slice->slice_count)
            if (slice > segment->slices && slice->xblock_size > 0) /* the first slices are the segment's own */
                add_page(used, slice);
    }
}

static void
add_thread(Used *used, PyThreadState *thread)
{
    const _PyThreadStateImpl *state = (_PyThreadStateImpl *)thread;
    for (size_t kind = 0; state->mimalloc.initialized && kind < _Py_MIMALLOC_HEAP_COUNT; kind++)
        add_heap(used, &state->mimalloc.heaps[kind]);
}

/* Called for the first object that there is; more are not asked for. */
static int
see_pages(PyObject *Py_UNUSED(object), void *arg)
{
    Used *used = arg;
    used->stopped = monotonic_seconds();
    for (PyThreadState *thread = used->own; thread; thread = thread->next)
        add_thread(used, thread);
    for (PyThreadState *thread = used->own->prev; thread; thread = thread->prev)
        add_thread(used, thread);
    mi_abandoned_pool_t *left = ((_PyThreadStateImpl *)used->own)->mimalloc.tld.segments.abandoned;
    if (left) {
        add_segments(used, (mi_segment_t *)(left->abandoned & ~MI_SEGMENT_MASK)); /* the lowest bits are a counter */
        add_segments(used, left->abandoned_visited);
    }
    used->over = monotonic_seconds(); /* here: the first that goes on may take this thread's processor */
    return 0;
}

/* How many threads but the own one run Python code. The lock is only tried: who waits for it might be stopped. */
static int
count_running(const PyThreadState *own)
{
    uint8_t unlocked = 0;
    PyMutex *lock = &_PyRuntime.interpreters.mutex;
    if (!_Py_atomic_compare_exchange_uint8(&lock->_bits, &unlocked, 1))
        return MANY;
    int running = 0;
    for (PyThreadState *thread = PyInterpreterState_ThreadHead(own->interp); thread; thread = thread->next)
        running += thread != own && _Py_atomic_load_int_relaxed(&thread->state) == _Py_THREAD_ATTACHED;
    PyMutex_Unlock(lock);
    return running;
}

const char count_stopped_doc[] =
    "count_stopped()\n--\n\n"
    "Python's blocks, and their bytes; every thread stops meanwhile. And for how many seconds,\n"
    "on average, each of those that were running has stood: until the last one stands the\n"
    "others wait for it, while it runs on or has no processor.";

PyObject *
count_stopped(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    Used used = {.own = PyThreadState_Get()};
    int running = count_running(used.own);
    double begun = used.stopped = used.over = monotonic_seconds();
    PyUnstable_GC_VisitObjects(see_pages, &used);
    double stood = used.over - used.stopped;
    if (running > 1)
        stood += (used.stopped - begun) * (running - 1) / running;
    PyObject *count = Py_BuildValue("(nnd)", (Py_ssize_t)used.blocks, (Py_ssize_t)used.bytes, stood);
    if (count && PyObject_GC_IsTracked(count)) /* no object more for a program that counts its own */
        PyObject_GC_UnTrack(count);
    return count;
}
