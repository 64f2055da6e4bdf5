/* The stacks that samples were taken at, each once, counted by the live samples that have it.
 *
 * A stack is found by its hash, for which the frames are walked once and nothing is written down. Only where it is new
 * they are walked again, and each frame's place is looked up. When one of its codes has died, another one may be at the
 * same address, and the hash is void.
 *
 * One that no sample has any more stays for a while, because it is likely to come again; when there are too many, all
 * of those go. Where there is no room, samples get stack 0, which stands for "some stack": how many do is told. */
#ifndef MEMWATCH_STACKS_H
#define MEMWATCH_STACKS_H

#include "sampling/names.h"

#define MOST_STACKS ((size_t)32768) /* that live samples have */
#define NO_STACK 0

typedef struct {
    uint64_t hash;
    uint32_t next;   /* in its bucket */
    uint32_t uses;   /* live samples */
    uint32_t deaths; /* that were known when each of its codes was alive */
    uint16_t depth;
    bool cut;
    bool lost; /* a code of it has died: it is in no bucket */
    uint32_t places[]; /* innermost first */
} Stack;

typedef struct {
    Row all; /* of Stack *; the first is none, a free one holds the next free number as an odd pointer */
    size_t free;
    size_t count;
    size_t limit; /* of the count, when unused ones go */
    uint32_t *buckets;
} Stacks;

bool stacks_begin(Memory *memory, Stacks *stacks);
void stacks_free(Memory *memory, Stacks *stacks);

/* This thread's stack, before it is known which one it is: frames_hash() and what it was called with. */
typedef struct {
    uint64_t hash;
    int depth;
    bool watched;
} Seen;

/* The number of the stack, which has one use more now; NO_STACK if there is no room for it. */
uint32_t stack_take(Memory *memory, Stacks *stacks, Names *names, const Seen *seen);

/* One use less. */
void stack_drop(Stacks *stacks, uint32_t number);

static inline Stack *
stack_of(const Stacks *stacks, size_t number)
{
    Stack *stack = ((Stack **)stacks->all.data)[number];
    return (uintptr_t)stack & 1 ? NULL : stack;
}

#endif
