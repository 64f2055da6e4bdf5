/* What objects retain, as JSON: the whole, one object that was asked for, the points where much hangs, the classes. */
#ifndef MEMWATCH_RETAINED_H
#define MEMWATCH_RETAINED_H

#include "graph/dominators.h"
#include "graph/out.h"

/* What is known of vertices beside how they refer to each other: of a graph it is asked itself, else these columns. */
typedef struct {
    const uint32_t *sizes;
    const uint32_t *classes;
    uint32_t top;     /* points and classes that are told, at most */
    uint32_t wanted;  /* a vertex, or NO_NODE */
    uint32_t most_classes;
    uint32_t group_class; /* of columns: what is no object has this one */
} Question;

/* False without memory. */
bool retained_tell(const Flow *flow, Question question, Memory *memory, Row *text);

#endif
