/* The edges of the graph, and what is folded. See graph.h.
 *
 * What refers to an object and does not hold it, a weak reference, is kept apart: it is shown, and counts for nothing
 * else. A static type shows the collector nothing: here it shows its namespace, its bases and their order. */
#include "graph/graph.h"

#include "search/search.h"

#define MOST_EDGES ((size_t)UINT32_MAX)
#define MOST_BLOCKS_OF_EDGES (MOST_EDGES / BLOCK_EDGES + 2)

static bool
fail(Graph *graph)
{
    graph->walk.failed = true;
    return false;
}

static void
follow_static_type(Graph *graph, PyTypeObject *type, visitproc visit)
{
    PyObject *shown[] = {(PyObject *)type->tp_base, type->tp_bases, type->tp_mro};
    for (size_t place = 0; place < Py_ARRAY_LENGTH(shown); place++)
        if (shown[place])
            visit(shown[place], graph);
}

void
graph_follow(Graph *graph, const Kind *kind, PyObject *object, visitproc visit)
{
    bool is_untracked = ((TypeNames *)graph->type_names.data)[kind->place].is_untracked_holder;
    bool is_static = kind->flags & KIND_ASK && !kind->type->tp_is_gc(object) && PyType_Check(object);
    if (kind->flags & KIND_TRACKABLE)
        follow(&graph->walk, kind, object, visit);
    if (is_untracked)
        follow_hollow(object, visit, graph);
    if (is_static)
        follow_static_type(graph, (PyTypeObject *)object, visit);
}

static int
add_edge(PyObject *target, void *arg)
{
    Graph *graph = arg;
    uint32_t node = target ? node_of(graph, target) : NO_NODE;
    if (node == NO_NODE || !is_shown(graph, node))
        return 0;
    size_t block = graph->used / BLOCK_EDGES;
    if (graph->used == MOST_EDGES) {
        graph->too_large = true;
        return -1;
    }
    if (graph->used % BLOCK_EDGES == 0) {
        graph->edges[block] = memory_map(graph->walk.memory, BLOCK_EDGES * sizeof(uint32_t));
        if (graph->edges[block] == NULL)
            return fail(graph) - 1;
    }
    graph->edges[block][graph->used++ % BLOCK_EDGES] = node;
    graph->flags[node] |= graph->flags[node] & NODE_ONCE ? NODE_TWICE : NODE_ONCE;
    return 0;
}

static bool
add_weak(Graph *graph, PyObject *reference)
{
    PyObject *held = ((PyWeakReference *)reference)->wr_object;
    uint32_t node = held && held != Py_None ? node_of(graph, held) : NO_NODE;
    WeakEdge *edge = node == NO_NODE || !is_shown(graph, node) ? NULL : row_add(graph->walk.memory, &graph->weak);
    if (edge)
        *edge = (WeakEdge){graph->at, node};
    return true;
}

static bool
read_edges(Graph *graph, PyObject *object, void *arg)
{
    (void)arg;
    graph->starts[graph->at] = (uint32_t)graph->used;
    if (graph->flags[graph->at] & NODE_LEAF)
        return true;
    Kind *kind = kind_of(&graph->walk, object);
    if (kind == NULL)
        return fail(graph);
    graph_follow(graph, kind, object, add_edge);
    if (((TypeNames *)graph->type_names.data)[kind->place].is_weak)
        add_weak(graph, object);
    return !graph->walk.failed && !graph->too_large;
}

bool
graph_edges(Graph *graph)
{
    graph->edges = pool_reserve(graph->walk.memory, &graph->pool, MOST_BLOCKS_OF_EDGES * sizeof(uint32_t *));
    if (graph->edges == NULL)
        return fail(graph);
    bool good = graph_each(graph, read_edges, NULL);
    graph->starts[graph->nodes] = (uint32_t)graph->used;
    return good;
}

/* ---- folding ---- */

static void
fold_leaves(Graph *graph, uint32_t node)
{
    uint32_t first = graph->starts[node], end = graph->starts[node + 1];
    if (end - first > FOLDS_INTO)
        return;
    const uint8_t wanted = NODE_LEAF | NODE_ALONE | NODE_ONCE, mask = wanted | NODE_TWICE | NODE_SHARED;
    for (uint32_t edge = first; edge < end; edge++) {
        uint32_t target = edge_at(graph, edge);
        if ((graph->flags[target] & mask) == wanted && graph->sizes[target] < LARGEST_LEAF) {
            graph->flags[target] |= NODE_FOLDED | NODE_REACHED;
            graph->sizes[node] += graph->sizes[target];
        }
    }
}

/* A weak reference or a buffer needs the node that it is about. */
static void
unfold_owners(Graph *graph)
{
    for (size_t place = 0; place < graph->weak.used; place++)
        graph->flags[((WeakEdge *)graph->weak.data)[place].target] &= (uint8_t)~NODE_ALONE;
    for (size_t place = 0; place < graph->buffers.used; place++)
        graph->flags[((Buffer *)graph->buffers.data)[place].owner] &= (uint8_t)~NODE_ALONE;
}

bool
graph_folding(Graph *graph)
{
    unfold_owners(graph);
    for (uint32_t node = 0; graph->wanted.fold && node < graph->nodes; node++) {
        if (!is_shown(graph, node))
            graph->flags[node] |= NODE_FOLDED | NODE_REACHED;
        else if (graph->wanted.leaves && !(graph->flags[node] & NODE_LEAF))
            fold_leaves(graph, node);
    }
    graph->ordinals = memory_map(graph->walk.memory, (graph->nodes / 64 + 1) * sizeof(uint32_t));
    graph->kept = memory_map(graph->walk.memory, (graph->nodes / 64 + 1) * sizeof(uint64_t));
    if (graph->ordinals == NULL || graph->kept == NULL)
        return fail(graph);
    for (uint32_t node = 0; node < graph->nodes; node++)
        graph->kept[node / 64] |= (uint64_t)!(graph->flags[node] & NODE_FOLDED) << node % 64;
    for (size_t word = 0; word < graph->nodes / 64; word++)
        graph->ordinals[word + 1] = graph->ordinals[word] + (uint32_t)__builtin_popcountll(graph->kept[word]);
    return true;
}
