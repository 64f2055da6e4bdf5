/* Going through two sets of marks at once, in order of address.
 *
 * Millions of objects are met, each for a few instructions: so all of it is compiled into its caller, together with
 * the function that is called for each of them. */
#ifndef MEMWATCH_MARKS_TWO_H
#define MEMWATCH_MARKS_TWO_H

#include "core/marks.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* An object, whether the left set has it, and whether the right one; one of them does. False is to stop. */
typedef bool (*MeetTwo)(PyObject *, bool, bool, void *);

/* Words of the left set and the right one, for 64 objects 16 bytes apart. */
ALWAYS_INLINE bool
each_of_words(uint64_t left, uint64_t right, uintptr_t base, MeetTwo meet, void *arg)
{
    for (uint64_t any = left | right; any; any &= any - 1) {
        int bit = __builtin_ctzll(any);
        if (!meet((PyObject *)(base + (uintptr_t)bit * 16), left >> bit & 1, right >> bit & 1, arg))
            return false;
    }
    return true;
}

/* The same for objects at 16 n and, between them, at 16 n + 8. */
ALWAYS_INLINE bool
each_of_both(const uint64_t left[2], const uint64_t right[2], uintptr_t base, MeetTwo meet, void *arg)
{
    for (int bit = 0; bit < 64; bit++)
        for (int half = 0; half < 2; half++) {
            bool in_left = left[half] >> bit & 1, in_right = right[half] >> bit & 1;
            uintptr_t address = base + (uintptr_t)bit * 16 + (uintptr_t)half * 8;
            if ((in_left || in_right) && !meet((PyObject *)address, in_left, in_right, arg))
                return false;
        }
    return true;
}

static inline const Granule *
granule_at(const Marks *marks, int half, size_t top, size_t place)
{
    Granule **table = marks->tops[half][top];
    return table && table[place] ? table[place] : &no_marks;
}

ALWAYS_INLINE bool
each_of_granules(const Marks *left, const Marks *right, size_t top, size_t place, MeetTwo meet, void *arg)
{
    const Granule *all[4] = {granule_at(left, 0, top, place), granule_at(left, 1, top, place),
                             granule_at(right, 0, top, place), granule_at(right, 1, top, place)};
    if (all[0] == &no_marks && all[1] == &no_marks && all[2] == &no_marks && all[3] == &no_marks)
        return true;
    uintptr_t start = (uintptr_t)top << TABLE_SHIFT | (uintptr_t)place << GRANULE_SHIFT;
    for (size_t word = 0; word < WORDS; word++) {
        uint64_t of_left[2] = {all[0]->words[word], all[1]->words[word]};
        uint64_t of_right[2] = {all[2]->words[word], all[3]->words[word]};
        uintptr_t base = start | word << 10;
        if (!(of_left[1] | of_right[1] ? each_of_both(of_left, of_right, base, meet, arg)
                                       : each_of_words(of_left[0], of_right[0], base, meet, arg)))
            return false;
    }
    return true;
}

/* Calls *meet* for every object that one of the sets has, until it answers false; answers whether none did. */
ALWAYS_INLINE bool
marks_each_of_two(const Marks *left, const Marks *right, MeetTwo meet, void *arg)
{
    for (size_t top = 0; top < TABLE_ROOM; top++) {
        if (!left->tops[0][top] && !left->tops[1][top] && !right->tops[0][top] && !right->tops[1][top])
            continue;
        for (size_t place = 0; place < TABLE_ROOM; place++)
            if (!each_of_granules(left, right, top, place, meet, arg))
                return false;
    }
    return true;
}

#endif
