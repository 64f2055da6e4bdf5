/* A table with open addresses, at most three quarters full. See samples.h. Changed under the sampler's lock alone. */
#include "sampling/samples.h"

#include <string.h>

#define FIRST_ROOM ((size_t)512)
#define STUCK 255 /* a counter of the filter that has come so far is not taken back */

uint8_t filter[FILTER_ROOM] __attribute__((visibility("hidden")));

static uint8_t *
counter_of(const Samples *samples, uintptr_t address)
{
    const void *block = (const void *)address;
    return &filter[samples->by_page ? filter_by_page(block) : filter_by_address(block)];
}

static size_t
bucket_of(const Samples *samples, uintptr_t address)
{
    return ((address >> 4) * 0x9E3779B97F4A7C15u >> 32) & (samples->room - 1);
}

bool
samples_begin(Memory *memory, Samples *samples, bool by_page)
{
    *samples = (Samples){.room = FIRST_ROOM, .by_page = by_page};
    samples->table = memory_map(memory, FIRST_ROOM * sizeof(Sample));
    return samples->table != NULL;
}

void
samples_free(Memory *memory, Samples *samples)
{
    for (size_t place = 0; samples->table && place < samples->room; place++)
        if (samples->table[place].address)
            *counter_of(samples, samples->table[place].address) = 0;
    memory_unmap(memory, samples->table, samples->room * sizeof(Sample));
    *samples = (Samples){0};
}

static void
put(Samples *samples, const Sample *sample)
{
    size_t place = bucket_of(samples, sample->address);
    while (samples->table[place].address)
        place = (place + 1) & (samples->room - 1);
    samples->table[place] = *sample;
}

static bool
grow(Memory *memory, Samples *samples)
{
    Samples larger = *samples;
    larger.room *= 2;
    larger.table = memory_map(memory, larger.room * sizeof(Sample));
    if (larger.table == NULL)
        return false;
    for (size_t place = 0; place < samples->room; place++)
        if (samples->table[place].address)
            put(&larger, &samples->table[place]);
    memory_unmap(memory, samples->table, samples->room * sizeof(Sample));
    *samples = larger;
    return true;
}

bool
samples_add(Memory *memory, Samples *samples, const Sample *sample)
{
    if (4 * (samples->count + 1) > 3 * samples->room && !grow(memory, samples))
        return false;
    put(samples, sample);
    samples->count++;
    uint8_t *counter = counter_of(samples, sample->address);
    if (*counter < STUCK)
        ++*counter;
    return true;
}

/* Empty *place*, and move those behind it up that would not be found any more. */
static void
take_out(Samples *samples, size_t place)
{
    size_t mask = samples->room - 1;
    uint8_t *counter = counter_of(samples, samples->table[place].address);
    if (*counter < STUCK)
        --*counter;
    samples->count--;
    for (size_t next = (place + 1) & mask; samples->table[next].address; next = (next + 1) & mask) {
        size_t home = bucket_of(samples, samples->table[next].address);
        if (((next - home) & mask) >= ((next - place) & mask)) {
            samples->table[place] = samples->table[next];
            place = next;
        }
    }
    samples->table[place].address = 0;
}

bool
samples_remove(Samples *samples, const void *block, Sample *found)
{
    if (samples->table == NULL || block == NULL)
        return false;
    size_t place = bucket_of(samples, (uintptr_t)block);
    while (samples->table[place].address != (uintptr_t)block) {
        if (samples->table[place].address == 0)
            return false;
        place = (place + 1) & (samples->room - 1);
    }
    *found = samples->table[place];
    take_out(samples, place);
    return true;
}

void
samples_keep(Samples *samples, bool (*keep)(Sample *, void *), void *arg)
{
    for (size_t place = 0; place < samples->room;) {
        if (samples->table[place].address && !keep(&samples->table[place], arg))
            take_out(samples, place); /* and look again at what has come here */
        else
            place++;
    }
}
