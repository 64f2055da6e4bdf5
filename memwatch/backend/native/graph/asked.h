/* What the functions that look at the whole heap as a graph are given by Python. */
#ifndef MEMWATCH_ASKED_H
#define MEMWATCH_ASKED_H

#include "call.h"
#include "graph/graph.h"

/* The arguments by their number, after the five of a census; from FIRST_OWN on they are each one's own. *groups* is
 * (modules, interpreter), lists of (name, object); *threads* lists (ident, name). */
enum { PATIENCE = 5, ASK, IN_CHILD, GROUPS, THREADS, ARRAYS, FIRST_OWN };

/* Read them, and leave out of the walk what was made for the call; false with an exception. */
bool asked_read(State *state, Graph *graph, Walk *walk, PyObject *const *args);

/* Leave out one of them, and what it has if it is a list or a tuple. */
bool asked_leave_out(Walk *walk, PyObject *argument);

/* Walk, and make the graph; false without memory, or where it is too large. */
bool asked_build(Graph *graph);

#endif
