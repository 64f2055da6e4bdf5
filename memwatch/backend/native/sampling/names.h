/* The places that stacks consist of: where in which code, with names that are copied, so that the code may die.
 *
 * A place is known by its code object's address and the index in its instructions, and resolved once. The address is
 * believed as long as the fingerprint is the same and nobody has told that the code has died; then the place stays for
 * the stacks that use it, and will never be found again.
 *
 * Function, file, line and column are read when a reader wants them, or at the latest moment: when the code dies. Where
 * it would die without a word they are read at once, in the hook that meets it first. */
#ifndef MEMWATCH_NAMES_H
#define MEMWATCH_NAMES_H

#include "sampling/frames.h"
#include "sampling/slab.h"

#define NAME_BUCKETS 1024

/* A text in UTF-8, shared by whoever has the same; lone surrogates are in it as if they were characters. */
typedef struct Text {
    struct Text *next;
    uint32_t hash;
    uint32_t uses;
    uint32_t length;
    char bytes[];
} Text;

typedef struct Code {
    struct Code *next;
    PyCodeObject *address; /* NULL: it is dead */
    Text *function; /* NULL: not read yet */
    Text *file;
    int first_line;
    bool coroutine;
    uint32_t fingerprint;
    uint32_t uses;   /* places */
    uint32_t places; /* the first of them */
    uint32_t number; /* for a reader, 0 in between */
} Code;

typedef struct {
    PyCodeObject *address; /* NULL: the code is dead, or the place is free */
    Code *code;            /* NULL: the place is free */
    uint32_t unit;
    uint32_t fingerprint;
    uint32_t line;   /* 0: unknown; or UNREAD */
    uint32_t column; /* from 1, 0: unknown */
    uint32_t uses;   /* stacks */
    uint32_t next;   /* in its bucket, or of the free ones */
    uint32_t sibling; /* of the same code */
} FrameName;

typedef struct {
    Slab slab;
    Text *texts[NAME_BUCKETS];
    Code *codes[NAME_BUCKETS];
    Row places; /* of FrameName; the first is none */
    uint32_t free;
    uint32_t *buckets;
    size_t room;     /* of the buckets, a power of two */
    uint32_t deaths; /* of codes that were known */
} Names;

#define UNREAD UINT32_MAX

bool names_begin(Memory *memory, Names *names);
void names_free(Memory *memory, Names *names);

/* The number of the place of a step, made if it is new; 0 without memory. A new one has no uses. */
uint32_t place_find(Memory *memory, Names *names, const Trail *trail, int step);

/* Free a place that nobody uses; nothing happens if it is free. */
void place_drop(Names *names, uint32_t number);

/* Read what is not read yet of a place; false without memory. What could not be read before its code died stays
 * empty. */
bool place_read(Memory *memory, Names *names, uint32_t number);

/* *code* dies: read it, and never find it again. */
void names_bury(Memory *memory, Names *names, PyCodeObject *code);

static inline FrameName *
place_of(const Names *names, uint32_t number)
{
    return (FrameName *)names->places.data + number;
}

#endif
