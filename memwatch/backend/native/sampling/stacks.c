/* The table of stacks. See stacks.h. All of it is read and changed under the sampler's lock. */
#include "stacks.h"

#include <string.h>

#define BUCKETS ((size_t)8192)
#define FIRST_LIMIT ((size_t)1024)

static size_t
bytes_of(int depth)
{
    return sizeof(Stack) + (size_t)depth * sizeof(uint32_t);
}

static Stack **
slot_of(Stacks *stacks, size_t number)
{
    return (Stack **)stacks->all.data + number;
}

bool
stacks_begin(Memory *memory, Stacks *stacks)
{
    *stacks = (Stacks){.all = {.stride = sizeof(Stack *)}, .limit = FIRST_LIMIT};
    stacks->buckets = memory_map(memory, BUCKETS * sizeof(uint32_t));
    return stacks->buckets && row_push(memory, &stacks->all, NULL);
}

void
stacks_free(Memory *memory, Stacks *stacks)
{
    memory_unmap(memory, stacks->buckets, BUCKETS * sizeof(uint32_t));
    row_free(memory, &stacks->all);
    *stacks = (Stacks){0};
}

static void
stack_free(Stacks *stacks, Names *names, uint32_t number)
{
    Stack *stack = stack_of(stacks, number);
    uint32_t *link = &stacks->buckets[stack->hash % BUCKETS];
    while (*link != number)
        link = &stack_of(stacks, *link)->next;
    *link = stack->next;
    for (int place = 0; place < stack->depth; place++)
        if (--place_of(names, stack->places[place])->uses == 0)
            place_drop(names, stack->places[place]);
    slab_give(&names->slab, stack, bytes_of(stack->depth));
    *slot_of(stacks, number) = (Stack *)(stacks->free << 1 | 1);
    stacks->free = number;
    stacks->count--;
}

/* All that no live sample has go, if there are as many as may be. */
static void
make_room(Stacks *stacks, Names *names)
{
    if (stacks->count < stacks->limit)
        return;
    for (size_t number = 1; number < stacks->all.used; number++) {
        Stack *stack = stack_of(stacks, number);
        if (stack && stack->uses == 0)
            stack_free(stacks, names, (uint32_t)number);
    }
    stacks->limit = Py_MAX(FIRST_LIMIT, 2 * stacks->count);
    memset(stacks->recent, 0, sizeof(stacks->recent));
}

static uint32_t
number_for(Memory *memory, Stacks *stacks)
{
    size_t number = stacks->free;
    if (number) {
        stacks->free = (uintptr_t)*slot_of(stacks, number) >> 1;
        return (uint32_t)number;
    }
    number = stacks->all.used;
    return row_push(memory, &stacks->all, (void *)1) ? (uint32_t)number : NO_STACK;
}

static uint32_t
stack_make(Memory *memory, Stacks *stacks, Names *names, const Stack *wanted)
{
    make_room(stacks, names);
    if (stacks->count >= MOST_STACKS)
        return NO_STACK;
    Stack *stack = slab_take(memory, &names->slab, bytes_of(wanted->depth));
    uint32_t number = stack ? number_for(memory, stacks) : NO_STACK;
    if (number == NO_STACK) {
        if (stack)
            slab_give(&names->slab, stack, bytes_of(wanted->depth));
        return NO_STACK;
    }
    memcpy(stack, wanted, bytes_of(wanted->depth));
    uint32_t *bucket = &stacks->buckets[stack->hash % BUCKETS];
    stack->next = *bucket;
    *bucket = number;
    *slot_of(stacks, number) = stack;
    stacks->count++;
    for (int place = 0; place < stack->depth; place++)
        place_of(names, stack->places[place])->uses++;
    return number;
}

static uint32_t
stack_find(Memory *memory, Stacks *stacks, Names *names, const Stack *wanted)
{
    uint32_t number = stacks->buckets[wanted->hash % BUCKETS];
    while (number) {
        Stack *stack = stack_of(stacks, number);
        if (stack->hash == wanted->hash && stack->depth == wanted->depth && stack->cut == wanted->cut &&
            memcmp(stack->places, wanted->places, wanted->depth * sizeof(uint32_t)) == 0)
            return number;
        number = stack->next;
    }
    return stack_make(memory, stacks, names, wanted);
}

/* Whether the stack is that of *trail*: each place is where its step is, and its code has not died. */
static bool
is_of(const Stack *stack, const Names *names, const Trail *trail)
{
    if (stack->depth != trail->depth || stack->cut != trail->cut)
        return false;
    for (int known = 0; known < trail->depth; known++) {
        const Place *place = place_of(names, stack->places[known]);
        const Step *step = &trail->steps[known];
        if (place->address != step->code || place->unit != step->unit || place->fingerprint != step->fingerprint)
            return false;
    }
    return true;
}

static uint32_t *
recent_of(Stacks *stacks, const Trail *trail)
{
    uint64_t hash = (uint64_t)trail->depth;
    for (int known = 0; known < trail->depth; known++)
        hash = (hash ^ (uintptr_t)trail->steps[known].code ^ trail->steps[known].unit) * 0x9E3779B97F4A7C15u;
    return &stacks->recent[hash >> 56];
}

/* The stack of the places of *trail*, NO_STACK without room; it has no use more yet. */
static uint32_t
stack_of_places(Memory *memory, Stacks *stacks, Names *names, const Trail *trail)
{
    union {
        Stack stack;
        uint32_t room[sizeof(Stack) / sizeof(uint32_t) + DEEPEST];
    } made;
    Stack *wanted = &made.stack;
    uint32_t hash = (uint32_t)trail->depth, number = NO_STACK;
    int known = 0;
    for (; known < trail->depth; known++) {
        uint32_t place = place_find(memory, names, &trail->steps[known]);
        if (place == 0)
            break;
        wanted->places[known] = place;
        hash = (hash ^ place) * 0x9E3779B1u;
        hash ^= hash >> 15;
    }
    if (known == trail->depth) {
        wanted->hash = hash;
        wanted->uses = 0;
        wanted->depth = (uint16_t)trail->depth;
        wanted->cut = trail->cut;
        number = stack_find(memory, stacks, names, wanted);
    }
    while (number == NO_STACK && known--)
        if (place_of(names, wanted->places[known])->uses == 0)
            place_drop(names, wanted->places[known]);
    return number;
}

uint32_t
stack_take(Memory *memory, Stacks *stacks, Names *names, const Trail *trail)
{
    uint32_t *recent = recent_of(stacks, trail), number = *recent;
    if (number == NO_STACK || !is_of(stack_of(stacks, number), names, trail))
        number = stack_of_places(memory, stacks, names, trail);
    if (number) {
        stack_of(stacks, number)->uses++;
        *recent = number;
    } else {
        stacks->overflown++;
    }
    return number;
}

void
stack_drop(Stacks *stacks, uint32_t number)
{
    if (number)
        stack_of(stacks, number)->uses--;
}
