/* Dominators: what alone keeps what alive, and how much of it.
 *
 * An object dominates another if every way from the roots to that one leads through it. The nearest dominators make a
 * tree, and what lies below an object in it is what its end would free: its retained size. Found by semi-NCA
 * (Georgiadis, "Linear-Time Algorithms for Dominators and Related Problems", 2005), which needs some 30 bytes for each
 * object and 4 for each reference beside the graph itself. */
#ifndef MEMWATCH_DOMINATORS_H
#define MEMWATCH_DOMINATORS_H

#include "graph/graph.h"

/* What can be walked from vertex 0 on: a graph, its groups first, or two columns as a file has them. */
typedef struct {
    uint32_t count;
    const Graph *graph; /* or NULL, and: */
    const uint32_t *starts;
    const uint32_t *targets;
} Flow;

/* Columns by the place of a vertex in the walk, in which its dominator comes before it. */
typedef struct {
    Memory *memory;
    uint32_t count;   /* vertices */
    uint32_t reached; /* places */
    uint32_t *place;  /* of a vertex; NO_NODE where it was not reached */
    uint32_t *vertex;
    uint32_t *dominator; /* of the first: itself */
    uint64_t *bytes;     /* retained */
    uint32_t *objects;   /* the same, in number */
    uint32_t *first;     /* child in the tree of dominators; 0: none */
    uint32_t *next;      /* child of the same one */
} Dominators;

/* Fill in all but what is retained; false without memory. */
bool dominators_find(Dominators *dominators, const Flow *flow, Memory *memory);
void dominators_free(Dominators *dominators);

/* Fill in the rest, from what each place has itself in `bytes` and `objects`. */
bool dominators_retain(Dominators *dominators);
bool dominators_columns(Dominators *dominators);

/* The first reference of a vertex, and the one after it; false at the end. */
static inline uint32_t
flow_begin(const Flow *flow, uint32_t vertex)
{
    if (flow->graph == NULL)
        return flow->starts[vertex];
    uint32_t groups = (uint32_t)flow->graph->groups.used;
    return vertex < groups ? group_at(flow->graph, vertex)->first : flow->graph->starts[vertex - groups];
}

static inline bool
flow_next(const Flow *flow, uint32_t vertex, uint32_t *cursor, uint32_t *target)
{
    const Graph *graph = flow->graph;
    if (graph == NULL) {
        if (*cursor == flow->starts[vertex + 1])
            return false;
        *target = flow->targets[(*cursor)++];
        return true;
    }
    uint32_t groups = (uint32_t)graph->groups.used;
    if (vertex < groups) {
        if (*cursor == 0)
            return false;
        const GroupEdge *edge = (GroupEdge *)graph->group_edges.data + *cursor - 1;
        *cursor = edge->next;
        *target = edge->to_group ? edge->target : groups + edge->target;
        return true;
    }
    if (*cursor == graph->starts[vertex - groups + 1])
        return false;
    *target = groups + edge_at(graph, (*cursor)++);
    return true;
}

#endif
