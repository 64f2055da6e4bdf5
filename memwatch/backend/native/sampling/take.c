/* Taking samples, letting them go, and thinning them. See sampler.h. */
#include "sampling/labels.h"
#include "sampling/sampler.h"

#include <errno.h>
#include <time.h>

static uint64_t
now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* With the lock. */
static void
let_go(const Sample *sample)
{
    if (sample->stack == NO_STACK)
        sampler.overflowing--;
    stack_drop(&sampler.stacks, sample->stack);
}

/* Enter a sample that owns a use of its stack. With the lock. */
static bool
enter(const Sample *sample)
{
    Sample lost; /* a sample at this address died unseen, as its block was freed behind our back */
    if (samples_remove(&sampler.samples, (void *)sample->address, &lost))
        let_go(&lost);
    if (samples_add(&sampler.memory, &sampler.samples, sample))
        return true;
    let_go(sample);
    return false;
}

static void
drop(void)
{
    __atomic_fetch_add(&sampler.dropped, 1, __ATOMIC_RELAXED);
}

static void
take(void *block, size_t size, double interval, bool small, bool native)
{
    if (interpreter_is_ending()) { /* the thread states are being freed */
        __atomic_store_n(&sampler.active, false, __ATOMIC_RELEASE);
        return;
    }
    int error = errno;
    Seen seen = {.depth = __atomic_load_n(&sampler.depth, __ATOMIC_RELAXED), .watched = sampler.watched};
    seen.hash = frames_hash(seen.depth, seen.watched);
    uint16_t label = label_now();
    if (!sampler_try_lock()) {
        drop();
        return;
    }
    if (sampler.active && (sampler.native || !native)) {
        Sample sample = {(uintptr_t)block, size, now(), (float)interval, countdown.thread, NO_STACK, small,
                         native,           label};
        sample.stack = stack_take(&sampler.memory, &sampler.stacks, &sampler.names, &seen);
        sampler.overflowing += sample.stack == NO_STACK;
        if (!enter(&sample))
            drop();
        else if (sampler.taken++, sampler.samples.count > sampler.most)
            samples_thin();
    }
    sampler_unlock();
    errno = error;
}

void
sample_take(void *block, size_t size, double interval, bool small)
{
    take(block, size, interval, small, false);
}

void
sample_take_native(void *block, size_t size, double interval)
{
    take(block, size, interval, false, true);
}

bool
sample_remove(const void *block, Removed *found)
{
    bool removed = false;
    if (sampler_lock()) {
        removed = sampler.active && samples_remove(&sampler.samples, block, &found->sample);
        found->run = sampler.run;
        sampler_unlock();
    }
    return removed;
}

void
sample_return(const Removed *removed)
{
    if (sampler_lock()) {
        if (sampler.active && sampler.run == removed->run && !enter(&removed->sample))
            drop();
        sampler_unlock();
    }
}

void
sample_forget(const Removed *removed)
{
    if (sampler_lock()) {
        if (sampler.active && sampler.run == removed->run)
            let_go(&removed->sample);
        sampler_unlock();
    }
}

/* Keep a sample as often as one would have been kept that was drawn with a larger interval in the first place. */
static bool
survives(Sample *sample, void *floor)
{
    double wanted = *(double *)floor, share;
    if (sample->interval >= wanted)
        return true;
    share = sample_probability(sample->size, wanted) / sample_probability(sample->size, sample->interval);
    if (random_share(&sampler.random) < share) {
        sample->interval = (float)wanted;
        return true;
    }
    let_go(sample);
    return false;
}

static bool
is_pythons(Sample *sample, void *Py_UNUSED(arg))
{
    if (sample->native)
        let_go(sample);
    return !sample->native;
}

void
samples_let_native(bool let, uint32_t run)
{
    sampler_lock();
    if (sampler.active && sampler.run == run) {
        sampler.native = let;
        if (!let)
            samples_keep(&sampler.samples, is_pythons, NULL);
    }
    sampler_unlock();
}

void
samples_thin(void)
{
    while (4 * sampler.samples.count > 3 * sampler.most && sampler.floor < 1e15) {
        sampler.floor *= 2;
        samples_keep(&sampler.samples, survives, &sampler.floor);
    }
    if (sampler.floor > sampler.interval) {
        __atomic_store(&sampler.interval, &sampler.floor, __ATOMIC_RELAXED);
        __atomic_fetch_add(&sampler.epoch, 1, __ATOMIC_RELEASE);
    }
}
