/* The child's side of a look: it sends what it has found through a pipe, and ends. */
#ifndef MEMWATCH_SEND_FROM_CHILD_H
#define MEMWATCH_SEND_FROM_CHILD_H

#include "census/walk.h"

typedef enum {
    A_TYPE = 1,    /* its label; how many, their bytes, its number */
    A_SNAPSHOT,    /* how many rows, the largest number, whether they are wide */
    SOME_MARKS,    /* a granule; its address */
    SOME_NUMBERS,  /* rows */
    SOME_LARGE,    /* Large */
    A_PLACE,       /* see search/places.h */
    A_STEP,        /* a type's label; the place's number */
    A_COUNT,       /* a type's label; how many, the sum's number */
    A_TOTAL,       /* how many new objects, their bytes, the kind of root */
    A_RANGE,       /* see core/ids.h */
    SOME_FACTS,    /* see graph/graph.h */
    SOME_TEXT,     /* see graph/dominance.c */
    ALL_SENT,
    NO_MEMORY,
} SentKind;

/* Stands before so many bytes, or alone. */
typedef struct {
    uint32_t kind;
    uint32_t length;
    uint64_t count;
    uint64_t bytes;
    uint64_t number;
} Sent;

typedef struct Sender Sender;

/* In the child, first of all: nobody is to notice it. It keeps *file* open besides; -1 is none. */
Sender *sender_begin(int pipe, int file);

/* A message with so many bytes, which come in pieces, or with a label. */
void send_head(Sender *sender, Sent head, size_t bytes);
void send_more(Sender *sender, const void *data, size_t bytes);
void send_label(Sender *sender, Sent head, PyTypeObject *type);
void send_kinds(Sender *sender, const Kinds *kinds);

/* The last message, and the end of the child. */
void send_end(Sender *sender, SentKind last) __attribute__((noreturn));

#endif
