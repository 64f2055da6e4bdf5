/* What the original allocators do with blocks, found out by asking them for some. See hooks.h.
 *
 * Promotion holds where a request of the small domains that is too large for an arena arrives at the raw allocator as
 * it is, the block is handed on as it is, and its free arrives there as well. The debug allocators make a block
 * larger and hand on another address; without arenas nothing arrives. Only what this thread does is noted. */
#include "sampling/hooks.h"

#define LARGE 1024
#define SMALL 512

/* What the raw hooks have told of this thread's last request. */
static struct {
    const void *block;
    size_t size;
    bool freed;
} seen;

void
probe_tell_new(const void *block, size_t size)
{
    countdown.left = -1; /* so that the next one is told, too */
    seen.block = block;
    seen.size = size;
    filter[filter_by_address(block)]++;
}

void
probe_tell_free(const void *block)
{
    seen.freed = seen.freed || block == seen.block;
}

/* Ask for *bytes* and give them back; the block, which is only good for comparing. */
static const void *
ask(const PyMemAllocatorEx *original, size_t bytes)
{
    seen.block = NULL;
    seen.size = 0;
    seen.freed = false;
    countdown.left = -1;
    void *block = original->malloc(original->ctx, bytes);
    const void *raw = seen.block;
    if (block)
        original->free(original->ctx, block);
    if (raw)
        filter[filter_by_address(raw)]--;
    return block;
}

static bool
hands_on(const PyMemAllocatorEx *original, size_t bytes)
{
    const void *block = ask(original, bytes);
    return block && seen.block == block && seen.size == bytes && seen.freed;
}

static bool
arrives(const PyMemAllocatorEx *original, size_t bytes)
{
    ask(original, bytes);
    return seen.block != NULL;
}

/* The largest request, up to 512 bytes, that does not arrive at the raw allocator. */
static size_t
largest_small(const PyMemAllocatorEx *original)
{
    size_t bytes = SMALL;
    while (bytes && arrives(original, bytes))
        bytes -= 8;
    return bytes;
}

#ifdef __GLIBC__

/* Whether what lies before a block, and is ours to read, is the head that glibc's malloc puts there for a request of
 * *bytes*, as no other allocator does. A sanitizer need not be told of the reading. */
static __attribute__((no_sanitize("address"))) bool
has_mallocs_head(const void *block, size_t bytes)
{
    size_t head = ((const size_t *)block)[-1] & ~(size_t)7, least = (bytes + 8 + 15) & ~(size_t)15;
    return head == least || head == least + 16;
}

/* One block in 256 begins with its page, and tells nothing: then the next one is asked. */
static bool
is_mallocs(const PyMemAllocatorEx *from, size_t bytes)
{
    void *blocks[4];
    int made = 0;
    bool readable = false;
    while (made < 4 && !readable) {
        blocks[made] = from->malloc(from->ctx, bytes);
        readable = ((uintptr_t)blocks[made++] & 4095) >= 16;
    }
    bool found = readable && has_mallocs_head(blocks[made - 1], bytes);
    while (made)
        from->free(from->ctx, blocks[--made]);
    return found;
}

static bool
blocks_are_mallocs(const PyMemAllocatorEx *from)
{
    return is_mallocs(from, 40) && is_mallocs(from, 1000) && is_mallocs(from, 3000);
}

#else

static bool
blocks_are_mallocs(const PyMemAllocatorEx *Py_UNUSED(from))
{
    return false;
}

#endif

void
probe(Slot *slot)
{
    const PyMemAllocatorEx *original = slot->original;
    int64_t left = countdown.left;
    slot->usable = blocks_are_mallocs(&original[PYMEM_DOMAIN_RAW]);
    slot->small = EVERYTHING;
    slot->promotes = true;
    countdown.probing = true;
    for (int domain = PYMEM_DOMAIN_MEM; domain < DOMAINS; domain++) {
        bool arriving = arrives(&original[domain], LARGE);
        size_t small = arriving ? largest_small(&original[domain]) : EVERYTHING;
        slot->small = Py_MIN(slot->small, small);
        slot->promotes = slot->promotes && arriving && hands_on(&original[domain], LARGE) &&
                         hands_on(&original[domain], small + 8);
    }
    countdown.probing = false;
    countdown.left = left;
    slot->all_mallocs = slot->usable && slot->small == EVERYTHING && blocks_are_mallocs(&original[PYMEM_DOMAIN_MEM]) &&
                        blocks_are_mallocs(&original[PYMEM_DOMAIN_OBJ]);
    slot->promoted = slot->small + 8;
    slot->arrives = !slot->promotes && slot->small != EVERYTHING;
    if (!slot->promotes)
        slot->small = EVERYTHING;
    slot->unasked = slot->small;
}
