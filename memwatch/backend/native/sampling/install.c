/* Putting the hooks in front of the allocators, and taking them away. See hooks.h. All of it with the GIL. */
#include "sampling/hooks.h"

#include <string.h>

static int used; /* slots that were ever in front of an allocator */
static int current = -1;

static bool
same(const PyMemAllocatorEx *left, const PyMemAllocatorEx *right)
{
    return left->ctx == right->ctx && left->malloc == right->malloc && left->calloc == right->calloc &&
           left->realloc == right->realloc && left->free == right->free;
}

static void
set(int slot, PyMemAllocatorDomain domain)
{
    PyMemAllocatorEx made;
    hooks_make(slot, domain, &made);
    PyMem_SetAllocator(domain, &made);
}

/* Whether the allocator of *domain* is the slot's own, with nobody on top. */
static bool
on_top(int slot, PyMemAllocatorDomain domain)
{
    PyMemAllocatorEx now, ours;
    PyMem_GetAllocator(domain, &now);
    hooks_make(slot, domain, &ours);
    return same(&now, &ours);
}

/* Whether a block that is allocated passes our hook, whoever may be before it. */
static bool
is_counted(void *(*allocate)(size_t), void (*give_back)(void *))
{
    int64_t left = countdown.left;
    countdown.left = NEVER;
    give_back(allocate(16));
    bool counted = countdown.left != NEVER;
    countdown.left = left;
    return counted;
}

int
hooks_in_place(void)
{
    bool there = current >= 0 && is_counted(PyMem_RawMalloc, PyMem_RawFree) && is_counted(PyMem_Malloc, PyMem_Free) &&
                 is_counted(PyObject_Malloc, PyObject_Free);
    return there ? current : -1;
}

/* The slot of the allocators that are there now: one that has had them before, or a new one; -1 if there is none. */
static int
find_slot(void)
{
    PyMemAllocatorEx now[DOMAINS];
    for (int domain = 0; domain < DOMAINS; domain++)
        PyMem_GetAllocator(domain, &now[domain]);
    for (int slot = 0; slot < used; slot++) {
        PyMemAllocatorEx *known = slots[slot].original;
        if (same(&known[0], &now[0]) && same(&known[1], &now[1]) && same(&known[2], &now[2]))
            return slot;
    }
    if (used == SLOTS)
        return -1;
    memcpy(slots[used].original, now, sizeof(now));
    slots[used].promotes = true;
    set(used, PYMEM_DOMAIN_RAW);
    probe(&slots[used]);
    return used++;
}

int
hooks_install(void)
{
    int slot = hooks_in_place();
    if (slot >= 0)
        return slot;
    slot = find_slot();
    if (slot < 0) {
        PyErr_SetString(PyExc_RuntimeError, "the allocators have been replaced too often");
        return -1;
    }
    set(slot, PYMEM_DOMAIN_RAW); /* first: what is promoted is freed there */
    set(slot, PYMEM_DOMAIN_MEM);
    set(slot, PYMEM_DOMAIN_OBJ);
    current = slot;
    return slot;
}

void
hooks_remove(void)
{
    if (current < 0)
        return;
    for (int domain = 0; domain < DOMAINS; domain++)
        if (!on_top(current, domain))
            return;
    for (int domain = DOMAINS; domain-- > 0;)
        PyMem_SetAllocator(domain, &slots[current].original[domain]);
    current = -1;
}
