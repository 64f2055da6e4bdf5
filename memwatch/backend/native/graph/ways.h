/* The ways from the root to some vertices. */
#ifndef MEMWATCH_WAYS_H
#define MEMWATCH_WAYS_H

#include "graph/dominators.h"
#include "graph/out.h"

/* For each vertex the one that leads to it on a shortest way, one higher, in *way*, which is empty; false without
 * memory. */
bool ways_find(const Flow *flow, Memory *memory, uint32_t *way);

/* The last steps to *vertex*, as a JSON list: of a graph [type of the edge, its name or number, name of the node],
 * of columns vertices. */
void way_tell(const Flow *flow, const uint32_t *way, uint32_t vertex, Out *out);

uint32_t vertex_name(Graph *graph, uint32_t vertex);
void put_name(Out *out, const Strings *strings, uint32_t number);

#endif
