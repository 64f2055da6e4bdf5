/* A set of pointers with a number each, in open addressing: for the few objects that a walk treats specially. */
#ifndef MEMWATCH_POINTERS_H
#define MEMWATCH_POINTERS_H

#include "core/memory.h"

typedef struct {
    const void *pointer; /* NULL: a free slot */
    Py_ssize_t number;
} Pointer;

typedef struct {
    Pointer *slots;
    size_t room; /* a power of two, or 0 */
    size_t used;
} Pointers;

/* The entry of *pointer*, made with number 0 if there is none; NULL without memory. Good until the next one is made. */
Pointer *pointers_enter(Memory *memory, Pointers *set, const void *pointer);
void pointers_free(Memory *memory, Pointers *set);

static inline Pointer *
pointers_find(const Pointers *set, const void *pointer)
{
    if (set->room == 0)
        return NULL;
    size_t slot = (size_t)((uintptr_t)pointer * UINT64_C(0x9E3779B97F4A7C15) >> 20);
    for (;; slot++) {
        Pointer *entry = &set->slots[slot & (set->room - 1)];
        if (entry->pointer == pointer)
            return entry;
        if (entry->pointer == NULL)
            return NULL;
    }
}

#endif
