/* The heap as a graph: a node for each object that a deep census counts, and an edge for each reference.
 *
 * A walk of the census says which objects there are, and numpy's arrays what they hold besides; the marks, with the
 * number of marks before each word, number them in order of address. So a node needs no address and no entry in a
 * table: some nine bytes, and four for an edge.
 * Nodes are gone through in order of address, which memory likes best. Three passes: nodes.c reads sizes and kinds,
 * edges.c the references, roots.c adds made-up nodes from which all others can be reached. What an edge is called is
 * asked anew when it is written (names.c): names would take more memory than all else.
 *
 * With `fold`, what every program shares and never frees (names, None, small numbers) is no node, and a small leaf that
 * one object alone holds is part of it; an object with many references keeps its leaves, for those may be the leak.
 *
 * All of it runs in a forked child, or with the GIL held; it allocates nothing from Python and runs no code of it. */
#ifndef MEMWATCH_GRAPH_H
#define MEMWATCH_GRAPH_H

#include "census/check.h"
#include "core/type_label.h"
#include "graph/strings.h"

#define NO_NODE UINT32_MAX
#define FOLDS_INTO 16    /* references that an object has at most when leaves are folded into it */
#define LARGEST_LEAF 512 /* bytes of what is folded */
#define BUFFER_FROM 1024 /* bytes of a buffer that is a node of its own */
#define BLOCK_EDGES ((size_t)1 << 20)

enum {
    NODE_LEAF = 1,   /* refers to nothing */
    NODE_SHARED = 2, /* a name or a constant that lives as long as the process */
    NODE_ALONE = 4,  /* has one reference */
    NODE_ONCE = 8,   /* was met as a target */
    NODE_TWICE = 16,
    NODE_FOLDED = 32,
    NODE_REACHED = 64,
};

/* How many marks lie before a granule, and before each of its words inside it. */
typedef struct {
    uint32_t base;
    uint16_t before[WORDS];
} Ranks;

/* A field that a type gives its instances. */
typedef struct {
    Py_ssize_t offset;
    PyObject *name;
} Member;

typedef struct {
    bool known;
    bool is_weak;
    bool is_untracked_holder;
    uint8_t names; /* see names.c */
    uint32_t label;
    uint32_t members; /* the first one in the row of all */
    uint32_t count;
} TypeNames;

/* What hangs beside the numbered nodes: a weak reference, or a buffer. */
typedef struct {
    uint32_t owner;
    uint32_t target;
} WeakEdge;

typedef struct {
    uint32_t owner;
    uint64_t bytes;
    PyObject *object; /* the owner */
} Buffer;

typedef enum { GROUP_PROPERTY, GROUP_ELEMENT, GROUP_VARIABLE, GROUP_INTERNAL } GroupEdgeKind;

/* A node that is no object: the root, a group of roots, a thread, a running function. */
typedef struct {
    uint32_t name;
    uint32_t first; /* edge, one higher; 0: none */
    uint32_t last;
    uint32_t edges;
    uint64_t bytes; /* of what was folded into it */
} RootGroup;

typedef struct {
    uint32_t target;
    uint32_t name; /* or a number */
    uint32_t next; /* edge, one higher */
    uint8_t kind;
    bool to_group;
} GroupEdge;

/* What is asked for; borrowed. A list of pairs has (name, object), a group's name and its pairs, or (ident, name). */
typedef struct {
    PyObject *groups;
    PyObject *threads;
    PyTypeObject *array_type;
    unsigned long main_thread;
    bool fold;   /* leave out what every program shares */
    bool leaves; /* and fold leaves into their owners */
    bool show_keys;
} GraphOptions;

typedef struct Graph Graph;
struct Graph {
    Walk walk; /* first, because follow() and the visitprocs are given this */
    GraphOptions wanted;
    const GCState *collector;
    Pool pool;
    Ranks ***ranks[2];
    size_t nodes;
    uint32_t *sizes; /* bytes; of what is larger, all that fit, and the rest as a buffer */
    uint32_t *kinds; /* the number of the type */
    uint32_t *starts; /* the first edge of each node, and one more */
    uint8_t *flags;
    uint32_t **edges; /* in blocks */
    size_t used;     /* edges */
    uint32_t *ordinals; /* nodes that are written before each 64, */
    uint64_t *kept;  /* and which of those 64 are */
    uint32_t at;     /* the node that is visited */
    PyObject *object;
    Row weak;        /* WeakEdge, in order of owner */
    Row buffers;     /* Buffer, the same */
    Row type_names;  /* TypeNames, by kind */
    Row members;     /* Member */
    Row groups;      /* RootGroup */
    Row group_edges; /* GroupEdge */
    Strings strings;
    uint64_t bytes;  /* of all objects */
    bool too_large;  /* for 32 bits */
    struct Writer *writer; /* while it is written */
    void *named;     /* the edge whose name is looked for, see ways.c */
};

/* nodes.c. All answer false, with walk.failed or too_large set, where they fail. */
bool graph_nodes(Graph *graph);
void graph_free(Graph *graph);
TypeNames *type_names(Graph *graph, const Kind *kind);
/* The object with that number; for a few of them. */
PyObject *node_object_of(const Graph *graph, uint32_t node);
/* Call *meet* with each object in the order of the nodes, until it answers false. */
bool graph_each(Graph *graph, bool (*meet)(Graph *, PyObject *, void *), void *arg);

/* edges.c */
bool graph_edges(Graph *graph);
bool graph_folding(Graph *graph);
/* Visit what *object* refers to, always in the same order; the visitproc is given the graph. */
void graph_follow(Graph *graph, const Kind *kind, PyObject *object, visitproc visit);

/* roots.c, group.c */
bool graph_roots(Graph *graph);
uint32_t group_add(Graph *graph, uint32_t name);
bool group_link(Graph *graph, uint32_t group, GroupEdge edge);
bool graph_threads(Graph *graph, uint32_t group);
bool group_hold(Graph *graph, uint32_t group, GroupEdgeKind kind, uint32_t name, const void *object);

static inline uint32_t
node_of(const Graph *graph, const void *object)
{
    uintptr_t address = (uintptr_t)object;
    const Granule *granule = marks_find(&graph->walk.marks, address);
    size_t word = (address >> 10) & (WORDS - 1);
    if (granule == NULL || !(granule->words[word] & MARK_BIT(address)))
        return NO_NODE;
    const Ranks *ranks =
        graph->ranks[(address >> 3) & 1][address >> TABLE_SHIFT][(address >> GRANULE_SHIFT) & (TABLE_ROOM - 1)];
    uint64_t below = granule->words[word] & (MARK_BIT(address) - 1);
    return ranks->base + ranks->before[word] + (uint32_t)__builtin_popcountll(below);
}

static inline uint32_t
edge_at(const Graph *graph, size_t edge)
{
    return graph->edges[edge / BLOCK_EDGES][edge % BLOCK_EDGES];
}

/* Whether references to a node are told. */
static inline bool
is_shown(const Graph *graph, uint32_t node)
{
    return !(graph->flags[node] & NODE_SHARED && graph->wanted.fold);
}

static inline RootGroup *
group_at(const Graph *graph, uint32_t group)
{
    return (RootGroup *)graph->groups.data + group;
}

/* The place of a node among those that are written, the groups apart. */
static inline uint32_t
ordinal_of(const Graph *graph, uint32_t node)
{
    uint64_t below = graph->kept[node / 64] & (((uint64_t)1 << (node & 63)) - 1);
    return graph->ordinals[node / 64] + (uint32_t)__builtin_popcountll(below);
}

#endif
