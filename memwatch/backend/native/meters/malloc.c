/* What malloc has handed out, by the statistics of whichever allocator stands behind it: jemalloc's mallctl(),
 * gperftools' MallocExtension, or glibc's mallinfo2(), which it has from 2.33 on.
 *
 * They are looked for when they are first asked, so that what was built for an older glibc runs and finds it on a newer
 * one, and what was built for a newer one loads on an older. An allocator may be in the process and serve only a
 * library of its own, and one that was preloaded leaves glibc's numbers near zero: the first whose number rises with a
 * block of malloc's is believed. The older mallinfo() is not asked: its numbers are ints, which a heap of 2 GiB
 * overflows. Two threads that ask first find the same. */
#include "meters/malloc.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define PROBE ((size_t)1 << 20) /* bytes, more than what a thread may keep in a cache of its own */
#define TRIES 3                 /* another thread may free as much meanwhile */

typedef bool Ask(size_t *bytes);

static bool
ask_jemalloc(size_t *bytes)
{
    static int (*control)(const char *, void *, size_t *, void *, size_t);
    if (control == NULL)
        *(void **)&control = dlsym(RTLD_DEFAULT, "mallctl");
    if (control == NULL)
        return false;
    uint64_t epoch = 1; /* writing it has the numbers read anew */
    size_t size = sizeof(*bytes);
    return control("epoch", NULL, NULL, &epoch, sizeof(epoch)) == 0 &&
           control("stats.allocated", bytes, &size, NULL, 0) == 0;
}

static bool
ask_tcmalloc(size_t *bytes)
{
    static int (*property)(const char *, size_t *);
    if (property == NULL)
        *(void **)&property = dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty");
    return property && property("generic.current_allocated_bytes", bytes);
}

/* As malloc.h of glibc has it, which the headers of an older one do not. */
typedef struct {
    size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
} Statistics;

static bool
ask_glibc(size_t *bytes)
{
#ifdef __GLIBC__
    static Statistics (*ask)(void);
    if (ask == NULL)
        *(void **)&ask = dlsym(RTLD_DEFAULT, "mallinfo2");
    if (ask) {
        Statistics statistics = ask();
        *bytes = statistics.uordblks + statistics.hblkhd;
        return true;
    }
#endif
    (void)bytes;
    return false;
}

static bool
ask_nobody(size_t *Py_UNUSED(bytes))
{
    return false;
}

static bool
rises(Ask *ask)
{
    for (int go = 0; go < TRIES; go++) {
        size_t before, after;
        if (!ask(&before))
            return false;
        void *volatile block = malloc(PROBE); /* volatile: or the compiler leaves it out */
        bool good = block && ask(&after) && after >= before + PROBE / 2;
        free(block);
        if (good)
            return true;
    }
    return false;
}

static Ask *
choose(void)
{
    static Ask *const all[] = {ask_jemalloc, ask_tcmalloc, ask_glibc};
    for (size_t place = 0; place < sizeof(all) / sizeof(*all); place++)
        if (rises(all[place]))
            return all[place];
    return ask_nobody;
}

const char malloc_doc[] = "malloc_bytes()\n--\n\nWhat malloc has handed out; None where it does not tell.";

PyObject *
malloc_bytes(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    static _Atomic(Ask *) chosen;
    Ask *ask = chosen;
    if (ask == NULL)
        chosen = ask = choose();
    size_t bytes;
    if (ask(&bytes))
        return PyLong_FromSize_t(bytes);
    Py_RETURN_NONE;
}
