/* The live samples, found by the address of their block; and a filter that says which addresses cannot be one.
 *
 * The filter is an array of counters that a hook asks without a lock at each free: 0 is "no sample". It lies in the
 * image of the extension, so that it is there whenever a hook may run. An address is mixed, which spreads; or taken
 * by its KiB, which costs less and keeps near what is near, where all small blocks ask. */
#ifndef MEMWATCH_SAMPLES_H
#define MEMWATCH_SAMPLES_H

#include "core/memory.h"

#define FILTER_BITS 17
#define FILTER_ROOM ((size_t)1 << FILTER_BITS)

typedef struct {
    uintptr_t address; /* 0: nothing here */
    size_t size;
    uint64_t birth;  /* nanoseconds of the steady clock */
    float interval;  /* that it was drawn with: its weight */
    uint32_t thread; /* the system's number */
    uint32_t stack;
    bool small; /* of a small block; any change of its size draws anew */
    bool native; /* of a block that is not Python's */
    uint16_t label; /* of the code that allocated; 0: none */
} Sample;

typedef struct {
    Sample *table;
    size_t room; /* a power of two */
    size_t count;
    bool by_page;
} Samples;

extern uint8_t filter[FILTER_ROOM] __attribute__((visibility("hidden")));

static inline size_t
filter_by_address(const void *block)
{
    return ((uintptr_t)block >> 4) * 0x9E3779B97F4A7C15u >> (64 - FILTER_BITS);
}

static inline size_t
filter_by_page(const void *block)
{
    return (uintptr_t)block >> 10 & (FILTER_ROOM - 1);
}

static inline bool
maybe_sample(const void *block, bool by_page)
{
    return __builtin_expect(filter[by_page ? filter_by_page(block) : filter_by_address(block)] != 0, 0);
}

bool samples_begin(Memory *memory, Samples *samples, bool by_page);
void samples_free(Memory *memory, Samples *samples);

/* Add one, whose address must not be there; false without memory. */
bool samples_add(Memory *memory, Samples *samples, const Sample *sample);

/* Take the one at *block* out, into *found*; false if there is none. */
bool samples_remove(Samples *samples, const void *block, Sample *found);

/* Ask *keep* about each one, which may change all but its address; those for which it says no are out. */
void samples_keep(Samples *samples, bool (*keep)(Sample *, void *), void *arg);

#endif
