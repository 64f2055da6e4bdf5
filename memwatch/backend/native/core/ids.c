/* The numbers of objects in heap snapshots. See ids.h. */
#include "core/ids.h"

#define ALL_TYPES 4

static const void *
range_of(uintptr_t address, unsigned turn)
{
    uintptr_t half = address >> 3 & 1;
    return (const void *)((address >> GRANULE_SHIFT) << 4 | half << 3 | turn);
}

static uint32_t
number_of(Ids *ids, uintptr_t address, unsigned turn)
{
    bool is_late = ids->ranges.used >= MOST_RANGES / 2;
    const Pointer *known = pointers_find(&ids->ranges, range_of(address, turn));
    if (known == NULL && is_late)
        known = pointers_find(&ids->ranges, range_of(address, ALL_TYPES));
    if (known)
        return (uint32_t)known->number;
    if (ids->ranges.used + 1 >= MOST_RANGES) {
        ids->full = true;
        return 0;
    }
    Pointer *made = pointers_enter(ids->memory, &ids->ranges, range_of(address, is_late ? ALL_TYPES : turn));
    if (made == NULL) {
        ids->failed = true;
        return 0;
    }
    made->number = (Py_ssize_t)ids->ranges.used;
    return (uint32_t)made->number;
}

uint32_t
id_of(Ids *ids, const void *object, const void *type)
{
    uintptr_t address = (uintptr_t)object;
    unsigned turn = (uintptr_t)type * UINT64_C(0x9E3779B97F4A7C15) >> 62;
    return number_of(ids, address, turn) << 16 | (uint32_t)(address >> 4 & 0xFFFF);
}

bool
ids_learn(Ids *ids, uint64_t range, uint64_t number)
{
    Pointer *made = pointers_enter(ids->memory, &ids->ranges, (const void *)(uintptr_t)range);
    if (made)
        made->number = (Py_ssize_t)number;
    return made != NULL;
}
