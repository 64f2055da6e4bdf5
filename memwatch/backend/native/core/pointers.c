/* The set of pointers: entering and growing. See pointers.h. */
#include "core/pointers.h"

#define FIRST_ROOM 256

static Pointer *
place_for(Pointer *slots, size_t room, const void *pointer)
{
    size_t slot = (size_t)((uintptr_t)pointer * UINT64_C(0x9E3779B97F4A7C15) >> 20);
    while (slots[slot & (room - 1)].pointer)
        slot++;
    return &slots[slot & (room - 1)];
}

static bool
grow(Memory *memory, Pointers *set)
{
    size_t room = set->room ? 2 * set->room : FIRST_ROOM;
    Pointer *slots = memory_map(memory, room * sizeof(Pointer));
    if (slots == NULL)
        return false;
    for (size_t slot = 0; slot < set->room; slot++)
        if (set->slots[slot].pointer)
            *place_for(slots, room, set->slots[slot].pointer) = set->slots[slot];
    memory_unmap(memory, set->slots, set->room * sizeof(Pointer));
    set->slots = slots;
    set->room = room;
    return true;
}

Pointer *
pointers_enter(Memory *memory, Pointers *set, const void *pointer)
{
    Pointer *entry = pointers_find(set, pointer);
    if (entry)
        return entry;
    if (2 * (set->used + 1) > set->room && !grow(memory, set))
        return NULL;
    entry = place_for(set->slots, set->room, pointer);
    *entry = (Pointer){.pointer = pointer};
    set->used++;
    return entry;
}

void
pointers_free(Memory *memory, Pointers *set)
{
    memory_unmap(memory, set->slots, set->room * sizeof(Pointer));
    *set = (Pointers){0};
}
