/* What nodes and edges are called. */
#ifndef MEMWATCH_NAMES_OF_GRAPH_H
#define MEMWATCH_NAMES_OF_GRAPH_H

#include "graph/graph.h"
#include "graph/version.h"

/* As the file format numbers them. */
typedef enum {
    EDGE_VARIABLE,
    EDGE_ELEMENT,
    EDGE_PROPERTY,
    EDGE_INTERNAL,
    EDGE_HIDDEN,
    EDGE_SHORTCUT,
    EDGE_WEAK,
} EdgeType;

/* The name is a string's number, of an element a number itself. */
typedef struct {
    EdgeType type;
    uint32_t name;
} EdgeName;

/* How far one object's references have been named. */
typedef struct {
    const TypeNames *names;
    PyObject *object;
    Py_ssize_t position;    /* in a dict or a sequence */
    PyObject *key, *value;  /* of the dict's item that comes next */
    uint32_t running;       /* number of what has no name */
    int slot;               /* attribute or variable to look at first */
    bool has_class;         /* its class was named */
} Naming;

void naming_begin(Naming *naming, const TypeNames *names, PyObject *object);
EdgeName name_edge(Graph *graph, Naming *naming, PyObject *target);

/* The name of a node. */
uint32_t name_node(Graph *graph, const TypeNames *names, PyObject *object);
/* module.qualname of what runs *code* among *globals*. */
uint32_t name_code(Graph *graph, PyCodeObject *code, PyObject *globals);

#endif
