/* The strings of a heap snapshot: each text once, numbered in the order in which they come up.
 *
 * A text is made piece by piece, since it may be put together from what a class and its module are called; text_end()
 * gives the number that it has. All is UTF-8 in which lone surrogates have three bytes. */
#ifndef MEMWATCH_STRINGS_H
#define MEMWATCH_STRINGS_H

#include "core/pointers.h"

#define NO_STRING UINT32_MAX

typedef struct {
    Memory *memory;
    Row bytes;     /* char: the texts, and behind them the one that is being made */
    Row ends;      /* size_t: where each text ends */
    Pointers known; /* literals and str objects that came up, and their numbers */
    uint32_t *slots; /* numbers, one higher; 0: a free slot */
    size_t room;   /* a power of two */
    bool failed;
} Strings;

bool strings_begin(Strings *strings, Memory *memory);
void strings_free(Strings *strings);

/* A PutText that takes the strings. */
void text_add(void *strings, const char *text, size_t bytes);
uint32_t text_end(Strings *strings);

/* Of a literal, which is known by its address. */
uint32_t string_of(Strings *strings, const char *text);
/* Of a readable str, cut where it is long; the object is known from then on. */
uint32_t string_of_object(Strings *strings, PyObject *text);

static inline size_t
strings_start(const Strings *strings, size_t number)
{
    return number ? ((size_t *)strings->ends.data)[number - 1] : 0;
}

#endif
