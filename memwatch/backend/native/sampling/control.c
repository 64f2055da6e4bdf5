/* Starting and stopping, and forks. See control.h.
 *
 * The end of the interpreter needs nothing: the next sample that is due finds it ending and switches sampling off;
 * the hooks stay, for there are threads and exit functions that go on freeing. */
#include "sampling/control.h"

void (*sampling_at_end)(void);

static int watcher = -1;

static int
on_code_event(PyCodeEvent event, PyCodeObject *code)
{
    if (event == PY_CODE_EVENT_DESTROY && sampler_lock()) {
        if (sampler.active)
            names_bury(&sampler.memory, &sampler.names, code);
        sampler_unlock();
    }
    return 0;
}

/* ---- forks ---- */

static void
before_fork(void)
{
    sampler_lock();
}

static void
in_parent(void)
{
    sampler_unlock();
}

static void
in_child(void)
{
    pthread_mutex_init(&sampler.lock, NULL);
    countdown.locked = false;
    countdown_forked();
    sampler.random ^= (uint64_t)countdown.thread << 32;
}

static bool
watch_forks(void)
{
    static bool watched;
    watched = watched || pthread_atfork(before_fork, in_parent, in_child) == 0;
    if (!watched)
        PyErr_NoMemory();
    return watched;
}

/* ---- start and stop ---- */

static void
free_tables(void)
{
    samples_free(&sampler.memory, &sampler.samples);
    stacks_free(&sampler.memory, &sampler.stacks);
    names_free(&sampler.memory, &sampler.names);
}

static bool
make_tables(bool by_page)
{
    Memory *memory = &sampler.memory;
    if (samples_begin(memory, &sampler.samples, by_page) && stacks_begin(memory, &sampler.stacks) &&
        names_begin(memory, &sampler.names))
        return true;
    free_tables();
    return false;
}

static void
set_interval(double interval)
{
    __atomic_store(&sampler.interval, &interval, __ATOMIC_RELAXED);
    __atomic_fetch_add(&sampler.epoch, 1, __ATOMIC_RELEASE);
}

static void
switch_on(double interval, int depth, size_t most)
{
    sampler.watched = watcher >= 0;
    sampler.depth = depth;
    sampler.most = most;
    sampler.floor = interval;
    sampler.taken = sampler.expected = sampler.dropped = 0;
    sampler.overflowing = 0;
    sampler.native = false;
    set_interval(interval);
    sampler.run++;
    __atomic_store_n(&sampler.active, true, __ATOMIC_RELEASE);
}

static void
stop_watching(void)
{
    code_unwatch(watcher);
    if (!WATCHES_FOR_EVER)
        watcher = -1;
}

bool
sampling_begin(double interval, int depth, size_t most)
{
    if (!frames_are_whole()) {
        PyErr_SetString(PyExc_RuntimeError, "CPython 3.11.0 clears frames that can still be seen");
        return false;
    }
    if (!frames_check() || !watch_forks())
        return false;
    int slot = hooks_install();
    if (slot < 0)
        return false;
    if (watcher < 0)
        watcher = code_watch(on_code_event);
    sampler_lock();
    bool made = make_tables(!slots[slot].promotes);
    if (made)
        switch_on(interval, depth, most);
    sampler_unlock();
    if (!made) {
        stop_watching();
        hooks_remove();
        PyErr_NoMemory();
        return false;
    }
    countdown_begin(0);
    return true;
}

void
sampling_end(void)
{
    sampler_lock();
    __atomic_store_n(&sampler.active, false, __ATOMIC_RELEASE);
    free_tables();
    sampler_unlock();
    hooks_remove();
    stop_watching();
    if (sampling_at_end)
        sampling_at_end();
}

bool
sampling_runs(void)
{
    return sampler.active && hooks_in_place() >= 0;
}

void
sampling_change(double interval)
{
    sampler_lock();
    if (interval < sampler.floor)
        sampler.floor = interval;
    set_interval(interval);
    sampler_unlock();
    countdown.left = countdown.leg = countdown.after = 0; /* this thread draws at once */
    countdown.run = 0;
}
