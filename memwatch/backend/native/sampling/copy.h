/* A copy of the live samples and all that they refer to, made at one moment and read at leisure. */
#ifndef MEMWATCH_COPY_H
#define MEMWATCH_COPY_H

#include "sampling/sampler.h"

typedef struct {
    uint32_t function; /* where it begins among the bytes */
    uint32_t function_length;
    uint32_t file;
    uint32_t file_length;
    int first_line;
    bool coroutine;
} CopiedCode;

typedef struct {
    uint32_t code;
    uint32_t line;
    uint32_t column;
} CopiedPlace;

/* `samples` are of Sample, whose `stack` is a number in `ends`, from 1; 0 is none that is known. `steps` are places of
 * all stacks, innermost first; those of a stack end where its number in `ends` says and begin where the one before
 * ends. Of each end the uppermost bit says that the stack was cut. */
typedef struct {
    Row samples;
    Row ends;   /* uint32_t */
    Row steps;  /* uint32_t */
    Row places; /* CopiedPlace */
    Row codes;  /* CopiedCode */
    Row bytes;  /* char */
    uint64_t time;
} Copy;

#define CUT ((uint32_t)1 << 31)

/* False without memory. */
bool copy_make(Copy *copy);
void copy_free(Copy *copy);

#endif
