/* The table of stacks. See stacks.h. All of it is read and changed under the sampler's lock. */
#include "sampling/stacks.h"

#include <string.h>

#define BUCKETS ((size_t)8192)
#define FIRST_LIMIT ((size_t)2048)

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

/* Never find it again. */
static void
stack_lose(Stacks *stacks, uint32_t number)
{
    Stack *stack = stack_of(stacks, number);
    uint32_t *link = &stacks->buckets[stack->hash % BUCKETS];
    while (*link != number)
        link = &stack_of(stacks, *link)->next;
    *link = stack->next;
    stack->lost = true;
}

static void
stack_free(Stacks *stacks, Names *names, uint32_t number)
{
    Stack *stack = stack_of(stacks, number);
    if (!stack->lost)
        stack_lose(stacks, number);
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

/* Enter *wanted*, whose places are known. */
static uint32_t
stack_enter(Memory *memory, Stacks *stacks, Names *names, const Stack *wanted)
{
    Stack *stack = slab_take(memory, &names->slab, bytes_of(wanted->depth));
    uint32_t number = stack ? number_for(memory, stacks) : NO_STACK;
    if (number == NO_STACK) {
        if (stack)
            slab_give(&names->slab, stack, bytes_of(wanted->depth));
        return NO_STACK;
    }
    memcpy(stack, wanted, bytes_of(wanted->depth));
    stack->deaths = names->deaths;
    uint32_t *bucket = &stacks->buckets[stack->hash % BUCKETS];
    stack->next = *bucket;
    *bucket = number;
    *slot_of(stacks, number) = stack;
    stacks->count++;
    for (int place = 0; place < stack->depth; place++)
        place_of(names, stack->places[place])->uses++;
    return number;
}

/* A new stack of this thread's frames, without a use yet; NO_STACK without room. */
static __attribute__((noinline)) uint32_t
stack_make(Memory *memory, Stacks *stacks, Names *names, const Seen *seen)
{
    union {
        Stack stack;
        uint32_t room[sizeof(Stack) / sizeof(uint32_t) + DEEPEST];
    } made;
    Trail trail;
    uint32_t number = NO_STACK;
    int known = 0;
    make_room(stacks, names);
    if (stacks->count >= MOST_STACKS)
        return NO_STACK;
    frames_walk(&trail, seen->depth, seen->watched);
    made.stack = (Stack){.hash = seen->hash, .depth = (uint16_t)trail.depth, .cut = trail.cut};
    while (known < trail.depth && (made.stack.places[known] = place_find(memory, names, &trail, known)) != 0)
        known++;
    if (known == trail.depth)
        number = stack_enter(memory, stacks, names, &made.stack);
    while (number == NO_STACK && known--)
        if (place_of(names, made.stack.places[known])->uses == 0)
            place_drop(names, made.stack.places[known]);
    return number;
}

/* Whether all codes are those that they were. */
static bool
is_whole(Stack *stack, const Names *names)
{
    for (int place = 0; stack->deaths != names->deaths && place < stack->depth; place++)
        if (place_of(names, stack->places[place])->address == NULL)
            return false;
    stack->deaths = names->deaths;
    return true;
}

uint32_t
stack_take(Memory *memory, Stacks *stacks, Names *names, const Seen *seen)
{
    uint32_t number = stacks->buckets[seen->hash % BUCKETS];
    while (number && stack_of(stacks, number)->hash != seen->hash)
        number = stack_of(stacks, number)->next;
    if (number && !is_whole(stack_of(stacks, number), names)) {
        stack_lose(stacks, number);
        number = NO_STACK;
    }
    if (number == NO_STACK)
        number = stack_make(memory, stacks, names, seen);
    if (number)
        stack_of(stacks, number)->uses++;
    return number;
}

void
stack_drop(Stacks *stacks, uint32_t number)
{
    if (number)
        stack_of(stacks, number)->uses--;
}
