/* The countdown of each thread, and the random numbers that it is drawn from. See countdown.h. */
#include "sampling/countdown.h"
#include "sampling/sampler.h"

#include <math.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LEG ((int64_t)1 << 16)
#define FARTHEST 1e18
#define EXPECTED_UNIT 0x1p32

OF_THREAD Countdown countdown __attribute__((visibility("hidden")));

static uint64_t
next_random(uint64_t *state)
{
    uint64_t mixed = *state += 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBu;
    return mixed ^ mixed >> 31;
}

double
random_share(uint64_t *state)
{
    return ((double)(next_random(state) >> 12) + 0.5) * 0x1p-52;
}

double
sample_probability(size_t bytes, double interval)
{
    return -expm1(-(double)bytes / interval);
}

static uint64_t
make_seed(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t seed = (uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec;
    seed ^= (uint64_t)(uintptr_t)&countdown << 16 ^ (uint64_t)getpid() << 48;
    return next_random(&seed) | 1;
}

static void
begin(uint64_t seed)
{
    countdown.random = seed ? seed : make_seed();
    countdown.thread = (uint32_t)syscall(SYS_gettid);
}

void
countdown_begin(uint64_t seed)
{
    begin(seed);
    countdown.run = 0;
    countdown.left = countdown.leg = 0;
}

void
countdown_forked(void)
{
    if (countdown.random)
        countdown_begin(0);
}

/* Go *total* bytes, in legs. */
static void
go(int64_t total)
{
    countdown.leg = countdown.left = total < LEG ? total : LEG;
    countdown.after = total - countdown.left;
}

static int64_t
draw(void)
{
    countdown.epoch = __atomic_load_n(&sampler.epoch, __ATOMIC_ACQUIRE);
    __atomic_load(&sampler.interval, &countdown.interval, __ATOMIC_RELAXED);
    double distance = -log(random_share(&countdown.random)) * countdown.interval;
    return (int64_t)(distance < FARTHEST ? distance : FARTHEST);
}

/* Samples to be expected of *passed* bytes in small blocks, and of one block of *bytes*. */
static void
expect(int64_t passed, size_t bytes)
{
    double expected = (double)passed / countdown.interval;
    expected += (double)bytes < countdown.interval / 16 ? (double)bytes / countdown.interval
                                                        : sample_probability(bytes, countdown.interval);
    __atomic_fetch_add(&sampler.expected, (uint64_t)(expected * EXPECTED_UNIT), __ATOMIC_RELAXED);
}

double
expected_samples(void)
{
    return (double)__atomic_load_n(&sampler.expected, __ATOMIC_RELAXED) / EXPECTED_UNIT;
}

bool
countdown_due(size_t bytes, double *interval)
{
    int64_t over = -countdown.left, passed = countdown.leg + over - (int64_t)bytes;
    if (!__atomic_load_n(&sampler.active, __ATOMIC_ACQUIRE)) {
        countdown.run = 0;
        go(LEG);
        return false;
    }
    uint32_t run = __atomic_load_n(&sampler.run, __ATOMIC_RELAXED);
    if (countdown.run != run) {
        if (countdown.random == 0)
            begin(0);
        countdown.run = run;
        countdown.after = draw();
        over = (int64_t)bytes;
        passed = 0;
    }
    expect(passed, bytes);
    *interval = countdown.interval;
    bool due = countdown.after < over;
    bool stale = countdown.epoch != __atomic_load_n(&sampler.epoch, __ATOMIC_ACQUIRE);
    go(due || stale ? draw() : countdown.after - over);
    return due;
}
