/* The places that stacks consist of: where in which code, with names that are copied, so that the code may die.
 *
 * A place is known by its code object's address and the index in its instructions, and resolved once: function, file,
 * line and column are read from the code object in the hook that meets it first. The address is believed as long as
 * the fingerprint is the same and nobody has told that the code has died; then the place stays for the stacks that
 * use it, and will never be found again. */
#ifndef MEMWATCH_NAMES_H
#define MEMWATCH_NAMES_H

#include "frames.h"
#include "slab.h"

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
    Text *function;
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
    uint32_t line;   /* 0: unknown */
    uint32_t column; /* from 1, 0: unknown */
    uint32_t uses;   /* stacks */
    uint32_t next;   /* in its bucket, or of the free ones */
    uint32_t sibling; /* of the same code */
} Place;

typedef struct {
    Slab slab;
    Text *texts[NAME_BUCKETS];
    Code *codes[NAME_BUCKETS];
    Row places; /* of Place; the first is none */
    uint32_t free;
    uint32_t *buckets;
    size_t room; /* of the buckets, a power of two */
} Names;

bool names_begin(Memory *memory, Names *names);
void names_free(Memory *memory, Names *names);

/* The number of the place, made if it is new; 0 without memory. A new one has no uses. */
uint32_t place_find(Memory *memory, Names *names, const Step *step);

/* Free a place that nobody uses; nothing happens if it is free. */
void place_drop(Names *names, uint32_t number);

/* Never find *code* again. */
void names_forget(Names *names, PyCodeObject *code);

static inline Place *
place_of(const Names *names, uint32_t number)
{
    return (Place *)names->places.data + number;
}

#endif
