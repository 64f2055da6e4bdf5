/* The slow paths of the marks: a granule that is new, and going through all of them in order. See marks.h. */
#include "core/marks.h"

const Granule no_marks;

bool
marks_begin(Memory *memory, Marks *marks)
{
    for (int half = 0; half < 2; half++) {
        marks->tops[half] = pool_reserve(memory, &marks->pool, TABLE_ROOM * sizeof(Granule **));
        if (marks->tops[half] == NULL)
            return false;
    }
    return true;
}

void
marks_free(Memory *memory, Marks *marks)
{
    pool_free(memory, &marks->pool);
    marks->tops[0] = marks->tops[1] = NULL;
}

Granule *
marks_open(Memory *memory, Marks *marks, uintptr_t address)
{
    if (address >> ADDRESS_BITS)
        return NULL;
    Granule ***top = &marks->tops[(address >> 3) & 1][address >> TABLE_SHIFT];
    if (*top == NULL && (*top = pool_reserve(memory, &marks->pool, TABLE_ROOM * sizeof(Granule *))) == NULL)
        return NULL;
    Granule **granule = &(*top)[(address >> GRANULE_SHIFT) & (TABLE_ROOM - 1)];
    if (*granule == NULL)
        *granule = pool_cut(memory, &marks->pool, sizeof(Granule));
    return *granule;
}

/* The two halves of 64 slots: objects at 16 n from *even*, at 16 n + 8 from *odd*. */
static bool
each_of_word(uint64_t even, uint64_t odd, uintptr_t base, bool (*meet)(PyObject *, void *), void *arg)
{
    for (uint64_t either = even | odd; either; either &= either - 1) {
        int bit = __builtin_ctzll(either);
        uintptr_t address = base + (uintptr_t)bit * 16;
        if ((even >> bit & 1) && !meet((PyObject *)address, arg))
            return false;
        if ((odd >> bit & 1) && !meet((PyObject *)(address + 8), arg))
            return false;
    }
    return true;
}

static bool
each_of_table(Granule **even, Granule **odd, uintptr_t base, bool (*meet)(PyObject *, void *), void *arg)
{
    for (size_t place = 0; place < TABLE_ROOM; place++) {
        const Granule *left = even ? even[place] : NULL, *right = odd ? odd[place] : NULL;
        if (left == NULL && right == NULL)
            continue;
        left = left ? left : &no_marks;
        right = right ? right : &no_marks;
        uintptr_t start = base | (uintptr_t)place << GRANULE_SHIFT;
        for (size_t word = 0; word < WORDS; word++)
            if (!each_of_word(left->words[word], right->words[word], start | word << 10, meet, arg))
                return false;
    }
    return true;
}

bool
marks_each(const Marks *marks, bool (*meet)(PyObject *, void *), void *arg)
{
    for (size_t place = 0; place < TABLE_ROOM; place++) {
        Granule **even = marks->tops[0][place], **odd = marks->tops[1][place];
        if ((even || odd) && !each_of_table(even, odd, (uintptr_t)place << TABLE_SHIFT, meet, arg))
            return false;
    }
    return true;
}

static size_t
count_words(const Granule *granule, size_t words)
{
    size_t found = 0;
    for (size_t word = 0; granule && word < words; word++)
        found += (size_t)__builtin_popcountll(granule->words[word]);
    return found;
}

size_t
marks_count(const Marks *marks)
{
    size_t count = 0;
    for (int half = 0; half < 2; half++)
        for (size_t top = 0; top < TABLE_ROOM; top++) {
            Granule **table = marks->tops[half][top];
            for (size_t place = 0; table && place < TABLE_ROOM; place++)
                count += count_words(table[place], WORDS);
        }
    return count;
}

/* The two tables of a top with what lies before them; false without memory. */
static bool
add_starts(Memory *memory, Granule **even, Granule **odd, uintptr_t first, size_t *before, Row *starts)
{
    for (size_t place = 0; place < TABLE_ROOM; place++) {
        const Granule *left = even ? even[place] : NULL, *right = odd ? odd[place] : NULL;
        if (left == NULL && right == NULL)
            continue;
        Start *start = row_add(memory, starts);
        if (start == NULL)
            return false;
        *start = (Start){first + place, *before};
        *before += count_words(left, WORDS) + count_words(right, WORDS);
    }
    return true;
}

bool
marks_starts(Memory *memory, const Marks *marks, Row *starts)
{
    size_t before = 0;
    starts->stride = sizeof(Start);
    for (size_t top = 0; top < TABLE_ROOM; top++) {
        Granule **even = marks->tops[0][top], **odd = marks->tops[1][top];
        if ((even || odd) && !add_starts(memory, even, odd, top << (TABLE_SHIFT - GRANULE_SHIFT), &before, starts))
            return false;
    }
    return true;
}

size_t
marks_rank(const Marks *marks, const Row *starts, uintptr_t address)
{
    const Start *all = (const Start *)starts->data;
    size_t first = 0, end = starts->used, word = (address >> 10) & (WORDS - 1);
    while (end - first > 1) { /* the last one that is not behind */
        size_t middle = first + (end - first) / 2;
        if (all[middle].granule <= address >> GRANULE_SHIFT)
            first = middle;
        else
            end = middle;
    }
    size_t rank = all[first].before;
    for (uintptr_t half = 0; half < 2; half++) {
        const Granule *own = marks_find(marks, (address & ~(uintptr_t)8) | half * 8);
        uint64_t below = MARK_BIT(address) - 1;
        if (half == 0 && address & 8) /* at the same 16 bytes, but before */
            below |= MARK_BIT(address);
        rank += count_words(own, word) + (own ? (size_t)__builtin_popcountll(own->words[word] & below) : 0);
    }
    return rank;
}

/* ---- joining ---- */

static bool
join_table(Memory *memory, Marks *marks, Granule *const *table, uintptr_t base)
{
    for (size_t place = 0; place < TABLE_ROOM; place++) {
        if (table[place] == NULL)
            continue;
        Granule *joined = marks_open(memory, marks, base | (uintptr_t)place << GRANULE_SHIFT);
        if (joined == NULL)
            return false;
        for (size_t word = 0; word < WORDS; word++)
            joined->words[word] |= table[place]->words[word];
    }
    return true;
}

bool
marks_join(Memory *memory, Marks *marks, const Marks *from)
{
    for (uintptr_t half = 0; half < 2; half++)
        for (size_t top = 0; top < TABLE_ROOM; top++)
            if (from->tops[half][top] &&
                !join_table(memory, marks, from->tops[half][top], (uintptr_t)top << TABLE_SHIFT | half * 8))
                return false;
    return true;
}
