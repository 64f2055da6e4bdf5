/* The hooks themselves. See hooks.h.
 *
 * The way of nearly all blocks is a comparison, a subtraction from the thread's countdown and a jump. What is rare
 * stands in functions of its own, so that the compiler keeps the way short. */
#include "sampling/hooks.h"

#include <malloc.h>

Slot slots[SLOTS] __attribute__((visibility("hidden")));

#define ALWAYS static inline __attribute__((always_inline))
#define RARE __attribute__((noinline, cold))

/* ---- without counting what arrives at the raw allocator ---- */

/* *count* is 0 for malloc. */
static void *
ask(const PyMemAllocatorEx *original, void *ctx, size_t count, size_t bytes)
{
    return count ? original->calloc(ctx, count, bytes) : original->malloc(ctx, bytes);
}

static void *
ask_uncounted(const PyMemAllocatorEx *original, void *ctx, size_t count, size_t bytes)
{
    int64_t left = countdown.left;
    countdown.left = NEVER;
    void *block = ask(original, ctx, count, bytes);
    countdown.left = left;
    return block;
}

static void *
change_uncounted(const PyMemAllocatorEx *original, void *ctx, void *block, size_t bytes)
{
    int64_t left = countdown.left;
    countdown.left = NEVER;
    void *moved = original->realloc(ctx, block, bytes);
    countdown.left = left;
    return moved;
}

/* Whether a block that the hook of *domain* has counted may arrive at the raw hook as another one. */
ALWAYS bool
comes_twice(const Slot *slot, int domain)
{
    return domain != PYMEM_DOMAIN_RAW && slot->arrives;
}

/* Ask the original for a block that was counted, or not to be; *count* is 0 for malloc. */
ALWAYS void *
ask_once(const Slot *slot, int domain, void *ctx, size_t count, size_t bytes)
{
    const PyMemAllocatorEx *original = &slot->original[domain];
    return comes_twice(slot, domain) ? ask_uncounted(original, ctx, count, bytes) : ask(original, ctx, count, bytes);
}

ALWAYS void *
change_once(const Slot *slot, int domain, void *ctx, void *block, size_t bytes)
{
    const PyMemAllocatorEx *original = &slot->original[domain];
    return comes_twice(slot, domain) ? change_uncounted(original, ctx, block, bytes)
                                     : original->realloc(ctx, block, bytes);
}

/* ---- what is rare ---- */

/* Ask for more than an arena gives; *count* is 0 for malloc. */
static void *
promote(const Slot *slot, int domain, void *ctx, size_t count)
{
    return ask_uncounted(&slot->original[domain], ctx, count ? 1 : 0, slot->promoted);
}

/* *count* is 0 for malloc. */
RARE static void *
allocate_rarely(const Slot *slot, int domain, void *ctx, size_t count, size_t bytes)
{
    size_t size = count ? count * bytes : bytes;
    bool small = domain != PYMEM_DOMAIN_RAW && !slot->all_mallocs;
    double interval;
    bool due = !countdown.probing && countdown_due(size, &interval);
    void *block = due && small && slot->promotes ? promote(slot, domain, ctx, count) : NULL;
    if (block == NULL)
        block = ask_once(slot, domain, ctx, count, bytes);
    if (countdown.probing)
        probe_tell_new(block, size);
    else if (due && block)
        sample_take(block, size, interval, small);
    return block;
}

RARE static void
free_rarely(const Slot *slot, int domain, void *ctx, void *block)
{
    Removed removed;
    if (countdown.probing)
        probe_tell_free(block);
    if (sample_remove(block, &removed))
        sample_forget(&removed);
    slot->original[domain].free(ctx, block);
}

/* Change a small block to *bytes*. If that has been drawn to be a sample, it becomes one, whatever it was before. */
static void *
resize_drawn(const Slot *slot, int domain, void *ctx, void *block, size_t bytes, bool due, double interval)
{
    void *moved = NULL;
    if (due && slot->promotes)
        moved = change_uncounted(&slot->original[domain], ctx, block, slot->promoted);
    if (moved == NULL)
        moved = change_once(slot, domain, ctx, block, bytes);
    if (moved && due)
        sample_take(moved, bytes, interval, true);
    return moved;
}

/* The countdown has been passed. */
RARE static void *
resize_passed(const Slot *slot, int domain, void *ctx, void *block, size_t bytes)
{
    double interval;
    bool due = countdown_due(bytes, &interval);
    return resize_drawn(slot, domain, ctx, block, bytes, due, interval);
}

/* The block may be a sample. It is none while the original has it: the moment that its old memory is free, another
 * thread may get it. */
RARE static void *
resize_sampled(const Slot *slot, int domain, void *ctx, void *block, size_t bytes)
{
    Removed removed;
    double interval = 0;
    bool was = sample_remove(block, &removed);
    bool due = bytes <= slot->small && countdown_passed(bytes) && countdown_due(bytes, &interval);
    void *moved = resize_drawn(slot, domain, ctx, block, bytes, due, interval);
    if (was && moved)
        sample_forget(&removed);
    else if (was)
        sample_return(&removed);
    return moved;
}

/* ---- large blocks that change their size ---- */

/* A sample keeps on being one when it grows, and as often as it would be one with its new size when it shrinks. */
void
sample_resize(Removed *removed, void *moved, size_t bytes)
{
    Sample *sample = &removed->sample;
    double share = 1;
    if (bytes < sample->size)
        share = sample_probability(bytes, sample->interval) / sample_probability(sample->size, sample->interval);
    sample->address = (uintptr_t)moved;
    sample->size = bytes;
    if (share >= 1 || random_share(&countdown.random) < share)
        sample_return(removed);
    else
        sample_forget(removed);
}

/* Any other block is sampled by what it grows; where that is not known, and where it was small and has come from an
 * arena, as if it were new. */
static __attribute__((noinline)) void *
resize_raw(const Slot *slot, int domain, void *ctx, void *block, size_t bytes, bool by_page)
{
    Removed removed;
    double interval;
    bool was = maybe_sample(block, by_page) && sample_remove(block, &removed);
    size_t held = slot->usable ? malloc_usable_size(block) : 0;
    void *moved = slot->original[domain].realloc(ctx, block, bytes);
    if (moved == NULL) {
        if (was)
            sample_return(&removed);
        return NULL;
    }
    if (was && slot->usable && !removed.sample.small) {
        sample_resize(&removed, moved, bytes);
        return moved;
    }
    size_t counted = bytes;
    if (was)
        sample_forget(&removed);
    else if (slot->usable)
        counted = bytes > held ? malloc_usable_size(moved) - held : 0;
    else if (slot->promotes && bytes <= slot->small)
        counted = 0; /* the hook of a small domain, which passed it on, has counted it */
    if (countdown_passed(counted) && countdown_due(counted, &interval))
        sample_take(moved, bytes, interval, false);
    return moved;
}

/* ---- what is usual ---- */

ALWAYS void *
hook_malloc(const Slot *slot, int domain, void *ctx, size_t bytes, bool by_page)
{
    if (domain != PYMEM_DOMAIN_RAW && bytes > slot->small)
        return slot->original[domain].malloc(ctx, bytes);
    if (countdown_passed(bytes))
        return allocate_rarely(slot, domain, ctx, 0, bytes);
    return by_page ? ask_once(slot, domain, ctx, 0, bytes) : slot->original[domain].malloc(ctx, bytes);
}

/* The caller has seen to it that the product is a size. */
ALWAYS void *
hook_calloc(const Slot *slot, int domain, void *ctx, size_t count, size_t bytes, bool by_page)
{
    if ((domain != PYMEM_DOMAIN_RAW && count * bytes > slot->small) || count == 0)
        return slot->original[domain].calloc(ctx, count, bytes);
    if (countdown_passed(count * bytes))
        return allocate_rarely(slot, domain, ctx, count, bytes);
    return by_page ? ask_once(slot, domain, ctx, count, bytes) : slot->original[domain].calloc(ctx, count, bytes);
}

ALWAYS void
hook_free(const Slot *slot, int domain, void *ctx, void *block, bool by_page)
{
    if (maybe_sample(block, by_page))
        free_rarely(slot, domain, ctx, block);
    else
        slot->original[domain].free(ctx, block);
}

/* A block that stays where it is and about as large as it is, as one that is appended to, is left alone. */
ALWAYS void *
hook_raw_realloc(const Slot *slot, int domain, void *ctx, void *block, size_t bytes, bool by_page)
{
    if (block == NULL)
        return hook_malloc(slot, domain, ctx, bytes, by_page);
    if (slot->usable) {
        size_t held = malloc_usable_size(block);
        if (bytes <= held && bytes > held - (held >> 5))
            return slot->original[domain].realloc(ctx, block, bytes);
    }
    return resize_raw(slot, domain, ctx, block, bytes, by_page);
}

ALWAYS void *
hook_realloc(const Slot *slot, int domain, void *ctx, void *block, size_t bytes, bool by_page)
{
    if (by_page && slot->all_mallocs)
        return hook_raw_realloc(slot, domain, ctx, block, bytes, true);
    if (block == NULL)
        return hook_malloc(slot, domain, ctx, bytes, by_page);
    if (bytes > slot->unasked)
        return slot->original[domain].realloc(ctx, block, bytes);
    if (maybe_sample(block, by_page))
        return resize_sampled(slot, domain, ctx, block, bytes);
    if (bytes <= slot->small && countdown_passed(bytes))
        return resize_passed(slot, domain, ctx, block, bytes);
    return by_page ? change_once(slot, domain, ctx, block, bytes) : slot->original[domain].realloc(ctx, block, bytes);
}

/* ---- a set of functions for each slot ---- */

#define ASKING(n, name, domain, suffix, by_page)                                                                       \
    static void *name##_malloc##suffix##_##n(void *ctx, size_t bytes)                                                  \
    {                                                                                                                  \
        return hook_malloc(&slots[n], domain, ctx, bytes, by_page);                                                    \
    }                                                                                                                  \
    static void *name##_calloc##suffix##_##n(void *ctx, size_t count, size_t bytes)                                    \
    {                                                                                                                  \
        return hook_calloc(&slots[n], domain, ctx, count, bytes, by_page);                                             \
    }

#define CHANGING(n, name, hook, domain, suffix, by_page)                                                               \
    static void *name##_realloc##suffix##_##n(void *ctx, void *block, size_t bytes)                                    \
    {                                                                                                                  \
        return hook(&slots[n], domain, ctx, block, bytes, by_page);                                                    \
    }

#define FREEING(n, name, domain, suffix, by_page)                                                                      \
    static void name##_free##suffix##_##n(void *ctx, void *block)                                                      \
    {                                                                                                                  \
        hook_free(&slots[n], domain, ctx, block, by_page);                                                             \
    }

#define DOMAIN(n, name, hook, domain)                                                                                  \
    ASKING(n, name, domain, , false)                                                                                   \
    ASKING(n, name, domain, _page, true)                                                                               \
    CHANGING(n, name, hook, domain, , false)                                                                           \
    CHANGING(n, name, hook, domain, _page, true)                                                                       \
    FREEING(n, name, domain, _page, true)

#define ALL_DOMAINS(n)                                                                                                 \
    DOMAIN(n, raw, hook_raw_realloc, PYMEM_DOMAIN_RAW)                                                                 \
    FREEING(n, raw, PYMEM_DOMAIN_RAW, , false)                                                                         \
    DOMAIN(n, mem, hook_realloc, PYMEM_DOMAIN_MEM)                                                                     \
    DOMAIN(n, obj, hook_realloc, PYMEM_DOMAIN_OBJ)

ALL_DOMAINS(0)
ALL_DOMAINS(1)
ALL_DOMAINS(2)
ALL_DOMAINS(3)

/* Of each domain, with promotion (the original's free is left) and with the filter by pages. */
#define PAIR(n, name, free)                                                                                            \
    {                                                                                                                  \
        {NULL, name##_malloc_##n, name##_calloc_##n, name##_realloc_##n, free},                                        \
        {NULL, name##_malloc_page_##n, name##_calloc_page_##n, name##_realloc_page_##n, name##_free_page_##n},         \
    }
#define TABLE(n) {PAIR(n, raw, raw_free_##n), PAIR(n, mem, NULL), PAIR(n, obj, NULL)}

static const PyMemAllocatorEx functions[SLOTS][DOMAINS][2] = {TABLE(0), TABLE(1), TABLE(2), TABLE(3)};

void
hooks_make(int slot, PyMemAllocatorDomain domain, PyMemAllocatorEx *made)
{
    const PyMemAllocatorEx *original = &slots[slot].original[domain];
    *made = functions[slot][domain][!slots[slot].promotes];
    made->ctx = original->ctx;
    if (made->free == NULL)
        made->free = original->free;
}
