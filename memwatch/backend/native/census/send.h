/* What a forked child does: it walks, sends the totals through a pipe, and ends. */
#ifndef MEMWATCH_SEND_H
#define MEMWATCH_SEND_H

#include "census/walk.h"

typedef enum { A_TYPE = 1, ALL_SENT, NO_MEMORY } SentKind;

/* Stands before a label of so many bytes, or alone at the end. */
typedef struct {
    uint32_t kind;
    uint32_t label;
    uint64_t count;
    uint64_t bytes;
} Sent;

/* Never returns. */
void send_totals(Walk *walk, Collector *collector, int pipe) __attribute__((noreturn));

#endif
