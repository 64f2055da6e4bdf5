/* Beginning and ending, and when to look for new libraries. See libc.h.
 *
 * A look waits for the loader's lock, which may be held by one who waits for the GIL: it is never held meanwhile, nor
 * is the sampler's lock. What is for one thread at a time has a lock of its own. In a child whose loader is locked for
 * ever, the slots stay as they are: the hooks hand on, and what was sampled when it was forked is sampled. */
#include "libc/parts.h"

#include "sampling/control.h"
#include "sampling/version.h"

#if KNOWS_NATIVE

#include <time.h>

#define PATIENCE_BEFORE_FORK 20000000 /* nanoseconds */

static pthread_mutex_t looking = PTHREAD_MUTEX_INITIALIZER;
static bool on;      /* written with `looking`, read at any time */
static uint32_t run; /* the start of sampling that it belongs to; likewise */
static void *python[PYTHONS]; /* with `looking` alone, as what follows */
static NativeCount counted;

/* ---- forks: no look should be half done in the child ---- */

static OF_THREAD bool waited;

static void
before_fork(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PATIENCE_BEFORE_FORK;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    waited = pthread_mutex_timedlock(&looking, &until) == 0;
}

static void
in_parent(void)
{
    if (waited)
        pthread_mutex_unlock(&looking);
}

static void
in_child(void)
{
    pthread_mutex_init(&looking, NULL);
    loader_forked();
}

static bool
watch_forks(void)
{
    static bool watched;
    watched = watched || pthread_atfork(before_fork, in_parent, in_child) == 0;
    return watched;
}

/* ---- begin and end ---- */

static const char *
fill(uint32_t wanted, const Slot *slot)
{
    pthread_mutex_lock(&looking);
    const char *problem = loader_answers() ? native_resolve() : "the loader does not let go of its lock";
    if (problem == NULL) {
        for (int domain = 0; domain < PYTHONS; domain++)
            python[domain] = (void *)slot->original[domain].malloc;
        native_hooks_begin(!slot->promotes, native_knows_sizes());
        native_fill(python, &counted);
        __atomic_store_n(&run, wanted, __ATOMIC_RELAXED);
        __atomic_store_n(&on, true, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&looking);
    return problem;
}

static void
end(uint32_t wanted)
{
    samples_let_native(false, wanted);
    Py_BEGIN_ALLOW_THREADS
    pthread_mutex_lock(&looking);
    if (on && run == wanted) {
        __atomic_store_n(&on, false, __ATOMIC_RELEASE);
        if (loader_answers())
            native_empty(); /* else the hooks stay, and hand on */
        counted = (NativeCount){0};
    }
    pthread_mutex_unlock(&looking);
    Py_END_ALLOW_THREADS
}

bool
native_begin(void)
{
    const char *problem = NULL;
    uint32_t wanted = sampler.run;
    int slot = sampler.active ? hooks_in_place() : -1;
    if (slot < 0) {
        PyErr_SetString(PyExc_RuntimeError, "native allocations are sampled where Python's are, and those are not");
        return false;
    }
    if (!watch_forks()) {
        PyErr_NoMemory();
        return false;
    }
    sampling_at_end = native_end;
    Py_BEGIN_ALLOW_THREADS
    problem = fill(wanted, &slots[slot]);
    Py_END_ALLOW_THREADS
    if (problem)
        PyErr_SetString(PyExc_RuntimeError, problem);
    else if (!sampler.active || sampler.run != wanted)
        end(wanted); /* it was stopped meanwhile */
    else
        samples_let_native(true, wanted);
    return problem == NULL;
}

void
native_end(void)
{
    if (native_runs())
        end(sampler.run);
}

bool
native_runs(void)
{
    return __atomic_load_n(&on, __ATOMIC_ACQUIRE) && __atomic_load_n(&run, __ATOMIC_RELAXED) == sampler.run;
}

/* ---- what is loaded later ---- */

void
native_follow(void)
{
    if (!native_runs())
        return;
    Py_BEGIN_ALLOW_THREADS
    pthread_mutex_lock(&looking);
    if (on && loader_answers() && native_is_stale())
        native_fill(python, &counted);
    pthread_mutex_unlock(&looking);
    Py_END_ALLOW_THREADS
}

void
native_after_load(void)
{
    PyThreadState *thread = native_runs() && !interpreter_is_ending() ? own_thread_state() : NULL;
    if (thread && thread == current_thread())
        native_follow();
}

NativeCount
native_count(void)
{
    return counted;
}

#else

bool
native_begin(void)
{
    PyErr_SetString(PyExc_RuntimeError, "native allocations can be sampled on Linux with glibc alone");
    return false;
}

void
native_end(void)
{
}

bool
native_runs(void)
{
    return false;
}

void
native_follow(void)
{
}

NativeCount
native_count(void)
{
    return (NativeCount){0};
}

#endif
