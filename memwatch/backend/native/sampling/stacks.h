/* The stacks that samples were taken at, each once, counted by the live samples that have it.
 *
 * One that no sample has any more stays for a while, because it is likely to come again; when there are too many, all
 * of those go. Where there is no room, samples get stack 0, which stands for "some stack": how many do is told. */
#ifndef MEMWATCH_STACKS_H
#define MEMWATCH_STACKS_H

#include "names.h"

#define MOST_STACKS ((size_t)32768) /* that live samples have */
#define NO_STACK 0
#define RECENT 256

typedef struct {
    uint32_t next; /* in its bucket, or of the free numbers */
    uint32_t hash;
    uint32_t uses; /* live samples */
    uint16_t depth;
    bool cut;
    uint32_t places[]; /* innermost first */
} Stack;

typedef struct {
    Row all; /* of Stack *; the first is none, a free one holds the next free number as an odd pointer */
    size_t free;
    size_t count;
    size_t limit; /* of the count, when unused ones go */
    size_t overflown; /* samples that found no room, ever */
    uint32_t *buckets;
    uint32_t recent[RECENT]; /* where a trail is looked for first, by its own hash */
} Stacks;

bool stacks_begin(Memory *memory, Stacks *stacks);
void stacks_free(Memory *memory, Stacks *stacks);

/* The number of the stack, which has one use more now; NO_STACK if there is no room for it. */
uint32_t stack_take(Memory *memory, Stacks *stacks, Names *names, const Trail *trail);

/* One use less. */
void stack_drop(Stacks *stacks, uint32_t number);

static inline Stack *
stack_of(const Stacks *stacks, size_t number)
{
    Stack *stack = ((Stack **)stacks->all.data)[number];
    return (uintptr_t)stack & 1 ? NULL : stack;
}

#endif
