/* How many bytes a thread may still allocate until the next one is sampled.
 *
 * Every byte is as likely to be sampled as any other: the distances between two sampled bytes are drawn from an
 * exponential distribution whose mean is the interval, each thread for itself, which together is the same. A block is
 * a sample if at least one of its bytes is, with probability 1 - exp(-size / interval), and stands for one divided by
 * that many blocks of its size.
 *
 * A long distance is gone in legs of 64 KiB, so that each thread notices soon that the interval has changed, or that
 * sampling has been started anew. Until then it goes on as it was told before, and its samples carry the interval
 * that they were drawn with: the estimate stays unbiased. A thread that was there before the start begins with its
 * next leg. */
#ifndef MEMWATCH_COUNTDOWN_H
#define MEMWATCH_COUNTDOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t left;     /* bytes to the end of the leg; below 0 it has been passed */
    int64_t leg;      /* what it was at first */
    int64_t after;    /* bytes of the distance beyond this leg */
    double interval;  /* that the distance was drawn with */
    uint64_t random;  /* state of the generator; 0: not seeded */
    uint32_t epoch;   /* of the interval */
    uint32_t run;     /* the start that this belongs to; 0: none */
    uint32_t thread;  /* the system's number of this thread */
    bool locked;      /* this thread holds the sampler's lock, or is about to */
    bool probing;     /* this thread asks what the allocators do; see probe.c */
} Countdown;

/* The hooks must not reach an allocator by touching a thread's own variable, also in a thread that is new. glibc has
 * some room in each thread for variables that are found without a call, as these ask to be. musl loads no library that
 * asks for it, and needs none: it makes every thread's variables when it loads the library or begins the thread. */
#ifdef __GLIBC__
#define OF_THREAD __thread __attribute__((tls_model("initial-exec")))
#else
#define OF_THREAD __thread
#endif

extern OF_THREAD Countdown countdown __attribute__((visibility("hidden")));

#define NEVER ((int64_t)1 << 62) /* as `left`: nothing is sampled until it is put back */

/* Take *bytes* off; whether the leg has been passed. */
static inline bool
countdown_passed(size_t bytes)
{
    return __builtin_expect((countdown.left -= (int64_t)bytes) < 0, 0);
}

/* After that: whether a block, the last *bytes* of which were taken off, is a sample, and with which interval.
 * The next leg is drawn. */
bool countdown_due(size_t bytes, double *interval);

/* The probability that a block is a sample. */
double sample_probability(size_t bytes, double interval);

/* A number from 0 to 1, neither of them. */
double random_share(uint64_t *state);

/* Make this thread draw anew at its next allocation; *seed* 0 for one that nobody knows. */
void countdown_begin(uint64_t seed);

/* In a child after fork(): another thread number, other random numbers. */
void countdown_forked(void);

#endif
