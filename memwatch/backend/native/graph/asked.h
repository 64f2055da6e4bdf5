/* What the functions that look at the whole heap as a graph are given by Python. */
#ifndef MEMWATCH_ASKED_H
#define MEMWATCH_ASKED_H

#include "call.h"
#include "census/ask_child.h"
#include "graph/graph.h"

/* The arguments by their number, after the five of a census; from FIRST_OWN on they are each one's own. *groups* is
 * (modules, interpreter, known lists), lists of (name, object), the last of (name, address of an item); *threads* lists
 * (ident, name). */
enum { PATIENCE = 5, ASK, IN_CHILD, GROUPS, THREADS, ARRAYS, FIRST_OWN };

/* One of these functions. What it has in hand begins with a Graph and is of *size* bytes, zero at first. */
typedef struct {
    size_t size;
    Py_ssize_t arguments;
    bool (*read)(State *state, void *hand, Walk *walk, PyObject *const *args); /* its own; false with an exception */
    bool (*work)(void *hand); /* false without memory */
    PyObject *(*tell)(State *state, void *hand, bool good); /* after work(): what was found */
    Work work_and_send; /* the same in a child */
    PyObject *(*hear)(State *state, void *hand, const Answer *answer); /* in its parent: what was found */
} GraphFunction;

/* All of a call: (what was found, pause, price, work), the three in seconds, price being the part of
 * the pause in which the thread that held the interpreter worked; None while the collector is at work. */
PyObject *asked_call(State *state, PyObject *const *args, Py_ssize_t given, const GraphFunction *function);

/* Leave an argument out of the walk, and what it has if it is a list or a tuple. */
bool asked_leave_out(Walk *walk, PyObject *argument);

/* Walk, and make the graph; false without memory, or where it is too large. */
bool asked_build(Graph *graph);

#endif
