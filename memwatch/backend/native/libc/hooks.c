/* The hooks of the C allocator's functions. See native.h.
 *
 * They run in any thread, in any library, inside of the loader's lock as well as of everybody else's. What is rare
 * stands in functions of its own, as in hooks.c. */
#include "libc/parts.h"

#if KNOWS_NATIVE

#include "sampling/hooks.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#define RARE __attribute__((noinline, cold))
#define ORIGINAL(number, type) ((type)native_functions[number].original)

typedef void *(*MallocCall)(size_t);
typedef void *(*CallocCall)(size_t, size_t);
typedef void *(*ReallocCall)(void *, size_t);
typedef void (*FreeCall)(void *);
typedef int (*PosixMemalignCall)(void **, size_t, size_t);
typedef void *(*AlignedCall)(size_t, size_t);
typedef void *(*ReallocArrayCall)(void *, size_t, size_t);
typedef void *(*DlsymCall)(void *, const char *);

extern void *reallocarray(void *, size_t, size_t) __attribute__((weak)); /* older libraries do without */

static struct {
    bool by_page;
    bool usable;
} settings;

void
native_hooks_begin(bool by_page, bool usable)
{
    settings.by_page = by_page;
    settings.usable = usable;
}

/* ---- what is new ---- */

/* Whether a block is to be a sample. */
static inline bool
is_due(size_t bytes, double *interval)
{
    return countdown_passed(bytes) && countdown_due(bytes, interval);
}

RARE static void *
malloc_rarely(size_t bytes)
{
    double interval;
    bool due = countdown_due(bytes, &interval);
    void *block = ORIGINAL(NATIVE_MALLOC, MallocCall)(bytes);
    if (due && block)
        sample_take_native(block, bytes, interval);
    return block;
}

static void *
hook_malloc(size_t bytes)
{
    if (countdown_passed(bytes))
        return malloc_rarely(bytes);
    return ORIGINAL(NATIVE_MALLOC, MallocCall)(bytes);
}

static void *
hook_calloc(size_t count, size_t bytes)
{
    size_t size;
    double interval;
    bool due = !__builtin_mul_overflow(count, bytes, &size) && is_due(size, &interval);
    void *block = ORIGINAL(NATIVE_CALLOC, CallocCall)(count, bytes);
    if (due && block)
        sample_take_native(block, size, interval);
    return block;
}

static int
hook_posix_memalign(void **block, size_t alignment, size_t bytes)
{
    double interval;
    bool due = is_due(bytes, &interval);
    int error = ORIGINAL(NATIVE_POSIX_MEMALIGN, PosixMemalignCall)(block, alignment, bytes);
    if (due && error == 0 && *block)
        sample_take_native(*block, bytes, interval);
    return error;
}

static inline void *
allocate_aligned(int number, size_t alignment, size_t bytes)
{
    double interval;
    bool due = is_due(bytes, &interval);
    void *block = ORIGINAL(number, AlignedCall)(alignment, bytes);
    if (due && block)
        sample_take_native(block, bytes, interval);
    return block;
}

static void *
hook_aligned_alloc(size_t alignment, size_t bytes)
{
    return allocate_aligned(NATIVE_ALIGNED_ALLOC, alignment, bytes);
}

static void *
hook_memalign(size_t alignment, size_t bytes)
{
    return allocate_aligned(NATIVE_MEMALIGN, alignment, bytes);
}

/* ---- what goes, or changes its size ---- */

RARE static void
forget(void *block)
{
    Removed removed;
    if (sample_remove(block, &removed))
        sample_forget(&removed);
}

static void
hook_free(void *block)
{
    if (maybe_sample(block, settings.by_page))
        forget(block);
    ORIGINAL(NATIVE_FREE, FreeCall)(block);
}

/* As in hooks.c: a sample stays one as it grows; any other block is sampled by what it grows, if that is known. */
static __attribute__((noinline)) void *
resize(void *block, size_t bytes, size_t held)
{
    Removed removed;
    double interval;
    bool was = maybe_sample(block, settings.by_page) && sample_remove(block, &removed);
    void *moved = ORIGINAL(NATIVE_REALLOC, ReallocCall)(block, bytes);
    if (moved == NULL) {
        if (was && bytes)
            sample_return(&removed);
        else if (was)
            sample_forget(&removed);
        return NULL;
    }
    if (was) {
        sample_resize(&removed, moved, bytes);
        return moved;
    }
    size_t counted = bytes;
    if (settings.usable)
        counted = bytes > held ? malloc_usable_size(moved) - held : 0;
    if (is_due(counted, &interval))
        sample_take_native(moved, bytes, interval);
    return moved;
}

static void *
hook_realloc(void *block, size_t bytes)
{
    if (block == NULL)
        return hook_malloc(bytes);
    size_t held = settings.usable ? malloc_usable_size(block) : 0;
    if (bytes <= held && bytes > held - (held >> 5))
        return ORIGINAL(NATIVE_REALLOC, ReallocCall)(block, bytes);
    return resize(block, bytes, held);
}

static void *
hook_reallocarray(void *block, size_t count, size_t bytes)
{
    size_t size;
    if (__builtin_mul_overflow(count, bytes, &size))
        return ORIGINAL(NATIVE_REALLOCARRAY, ReallocArrayCall)(block, count, bytes);
    return hook_realloc(block, size);
}

/* ---- what is loaded ---- */

/* Python asks for the first function of what it has loaded. */
static void *
hook_dlsym(void *handle, const char *name)
{
    int error = errno;
    native_after_load();
    errno = error;
    return ORIGINAL(NATIVE_DLSYM, DlsymCall)(handle, name);
}

#define FUNCTION(function) {.name = #function, .hook = (void *)hook_##function, .linked = (void *)function}

NativeFunction native_functions[NATIVE_FUNCTIONS] __attribute__((visibility("hidden"))) = {
    [NATIVE_MALLOC] = FUNCTION(malloc),
    [NATIVE_CALLOC] = FUNCTION(calloc),
    [NATIVE_REALLOC] = FUNCTION(realloc),
    [NATIVE_FREE] = FUNCTION(free),
    [NATIVE_POSIX_MEMALIGN] = FUNCTION(posix_memalign),
    [NATIVE_ALIGNED_ALLOC] = FUNCTION(aligned_alloc),
    [NATIVE_MEMALIGN] = FUNCTION(memalign),
    [NATIVE_REALLOCARRAY] = FUNCTION(reallocarray),
    [NATIVE_DLSYM] = FUNCTION(dlsym),
};

#endif
