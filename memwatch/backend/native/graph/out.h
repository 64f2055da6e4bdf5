/* What is written in large pieces, to a file or into memory; after the first error nothing more is written. */
#ifndef MEMWATCH_OUT_H
#define MEMWATCH_OUT_H

#include "core/memory.h"

#include <string.h>

#define OUT_ROOM ((size_t)1 << 20)
#define LONGEST_PIECE 64 /* bytes that are put without looking for room in between */

typedef struct {
    char *buffer;
    size_t used;
    uint64_t length;
    int file;
    int error;
    Memory *memory; /* of the next */
    Row *kept;      /* char: in the place of a file, or NULL */
} Out;

void out_flush(Out *out);
void out_bytes(Out *out, const char *text, size_t bytes);
/* A JSON string of UTF-8 in which lone surrogates have three bytes. */
void out_string(Out *out, const char *text, size_t bytes);

static inline void
out_room(Out *out)
{
    if (out->used + LONGEST_PIECE > OUT_ROOM)
        out_flush(out);
}

static inline void
out_char(Out *out, char character)
{
    out->buffer[out->used++] = character;
}

static inline void
out_number(Out *out, uint64_t number)
{
    char digits[20];
    int place = 20;
    do {
        digits[--place] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    memcpy(out->buffer + out->used, digits + place, (size_t)(20 - place));
    out->used += (size_t)(20 - place);
}

static inline void
out_text(Out *out, const char *text)
{
    out_bytes(out, text, strlen(text));
}

#endif
