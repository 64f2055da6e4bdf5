/* A C library for the tests of native sampling: each function takes or gives back memory in one of the ways there are.
 * It knows nothing of Python. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

void *take(size_t bytes) { return malloc(bytes); }
void *take_zeroed(size_t bytes) { return calloc(2, bytes / 2); }
void *take_resized(size_t bytes) { return realloc(malloc(64), bytes); }
void *take_array(size_t bytes) { return reallocarray(NULL, 2, bytes / 2); }
void *take_aligned(size_t bytes) { return aligned_alloc(64, bytes); }
void *take_by_memalign(size_t bytes) { return memalign(64, bytes); }

void *take_by_posix(size_t bytes)
{
    void *block = NULL;
    return posix_memalign(&block, 64, bytes) == 0 ? block : NULL;
}

void *(*taker)(size_t) = malloc;
void *take_by_pointer(size_t bytes) { return taker(bytes); }

void *resize(void *block, size_t bytes) { return realloc(block, bytes); }
void give(void *block) { free(block); }

static void *in_thread(void *bytes) { return malloc((size_t)bytes); }

void *take_in_thread(size_t bytes)
{
    pthread_t thread;
    void *block = NULL;
    if (pthread_create(&thread, NULL, in_thread, (void *)bytes) == 0)
        pthread_join(thread, &block);
    return block;
}

/* As a hook of somebody else. */
static int passed;
void *passing_malloc(size_t bytes)
{
    passed++;
    return calloc(1, bytes);
}
int times_passed(void) { return passed; }
