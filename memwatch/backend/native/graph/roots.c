/* What all objects can be reached from. See graph.h.
 *
 *     (Modules)       what is imported, by name
 *     (Threads)       each with its running functions and their variables
 *     (Interpreter)   what it keeps of the process, and what it never frees
 *     (Held in C)     what has more references than all objects show: C code holds it, or a reference was lost
 *     (Garbage)       cycles that the collector has not come to yet
 *
 * The last two are found from the references of what the others do not reach, as the collector itself would. */
#include "graph/graph.h"

static bool
fail(Graph *graph)
{
    graph->walk.failed = true;
    return false;
}

/* ---- reaching ---- */

static bool
push(Graph *graph, Row *waiting, uint32_t node)
{
    if (graph->flags[node] & NODE_REACHED)
        return true;
    graph->flags[node] |= NODE_REACHED;
    uint32_t *place = row_add(graph->walk.memory, waiting);
    if (place == NULL)
        return fail(graph);
    *place = node;
    return true;
}

static bool
reach(Graph *graph, Row *waiting)
{
    while (waiting->used) {
        uint32_t node = ((uint32_t *)waiting->data)[--waiting->used];
        for (uint32_t edge = graph->starts[node]; edge < graph->starts[node + 1]; edge++)
            if (!push(graph, waiting, edge_at(graph, edge)))
                return false;
    }
    return true;
}

static bool
reach_groups(Graph *graph, Row *waiting)
{
    for (size_t place = 0; place < graph->group_edges.used; place++) {
        const GroupEdge *edge = (GroupEdge *)graph->group_edges.data + place;
        if (!edge->to_group && (!push(graph, waiting, edge->target) || !reach(graph, waiting)))
            return false;
    }
    return true;
}

/* ---- what is left ---- */

typedef struct {
    Row waiting;
    uint32_t group;
    uint32_t *shown; /* how often a node is referred to by what is left */
    uint32_t number;
} Left;

static bool
hold(Graph *graph, Left *left, uint32_t node)
{
    GroupEdge edge = {.target = node, .name = left->number++, .kind = GROUP_ELEMENT};
    return group_link(graph, left->group, edge) && push(graph, &left->waiting, node) && reach(graph, &left->waiting);
}

static bool
is_kept_by_interpreter(PyObject *object)
{
    bool is_static = PyType_Check(object) && !(((PyTypeObject *)object)->tp_flags & Py_TPFLAGS_HEAPTYPE);
    return is_static || IS_IMMORTAL(object) || (PyUnicode_CheckExact(object) && PyUnicode_CHECK_INTERNED(object));
}

static bool
hold_lasting(Graph *graph, PyObject *object, void *arg)
{
    if (graph->flags[graph->at] & NODE_REACHED || !is_kept_by_interpreter(object))
        return true;
    return hold(graph, arg, graph->at);
}

static void
count_shown(Graph *graph, Left *left)
{
    for (uint32_t node = 0; node < graph->nodes; node++)
        for (uint32_t edge = graph->starts[node];
             !(graph->flags[node] & NODE_REACHED) && edge < graph->starts[node + 1]; edge++)
            left->shown[edge_at(graph, edge)]++;
}

static bool
hold_in_c(Graph *graph, PyObject *object, void *arg)
{
    Left *left = arg;
    if (graph->flags[graph->at] & NODE_REACHED || (size_t)Py_REFCNT(object) <= left->shown[graph->at])
        return true;
    GroupEdge edge = {.target = graph->at, .name = left->number++, .kind = GROUP_ELEMENT};
    return group_link(graph, left->group, edge);
}

static bool
find_left(Graph *graph, Left *left, uint32_t in_c, uint32_t garbage)
{
    size_t room = (graph->nodes + 1) * sizeof(uint32_t);
    left->shown = memory_map(graph->walk.memory, room);
    if (left->shown == NULL)
        return fail(graph);
    count_shown(graph, left);
    left->group = in_c;
    left->number = 0;
    bool good = graph_each(graph, hold_in_c, left) && reach_groups(graph, &left->waiting);
    left->group = garbage;
    left->number = 0;
    for (uint32_t node = 0; good && node < graph->nodes; node++)
        if (!(graph->flags[node] & NODE_REACHED))
            good = hold(graph, left, node);
    memory_unmap(graph->walk.memory, left->shown, room);
    return good;
}

/* ---- groups ---- */

static bool
hold_named(Graph *graph, uint32_t group, PyObject *pairs)
{
    bool good = true;
    for (Py_ssize_t place = 0; good && place < PyList_GET_SIZE(pairs); place++) {
        PyObject *pair = PyList_GET_ITEM(pairs, place);
        uint32_t name = string_of_object(&graph->strings, PyTuple_GET_ITEM(pair, 0));
        good = group_hold(graph, group, GROUP_PROPERTY, name, PyTuple_GET_ITEM(pair, 1));
    }
    return good;
}

static uint32_t
group_below(Graph *graph, uint32_t above, const char *name)
{
    uint32_t text = string_of(&graph->strings, name), group = group_add(graph, text);
    GroupEdge edge = {.target = group, .name = group_at(graph, above)->edges, .kind = GROUP_ELEMENT, .to_group = true};
    group_link(graph, above, edge);
    return group;
}

static uint64_t
shared_bytes(const Graph *graph)
{
    uint64_t bytes = 0;
    for (uint32_t node = 0; node < graph->nodes; node++)
        bytes += is_shown(graph, node) ? 0 : graph->sizes[node];
    return bytes;
}

static bool
has_item(PyObject *list, const void *wanted)
{
    for (Py_ssize_t place = 0; place < PyList_GET_SIZE(list); place++)
        if (PyList_GET_ITEM(list, place) == wanted)
            return true;
    return false;
}

/* A list that only the interpreter refers to is known by an item: one of fork callbacks has one of memwatch's. */
static bool
hold_known_list(Graph *graph, PyObject *object, void *arg)
{
    Left *left = arg;
    PyObject *known = PyTuple_GET_ITEM(graph->wanted.groups, 2);
    if (graph->flags[graph->at] & NODE_REACHED || !PyList_CheckExact(object))
        return true;
    for (Py_ssize_t place = 0; place < PyList_GET_SIZE(known); place++) {
        PyObject *pair = PyList_GET_ITEM(known, place);
        if (has_item(object, PyLong_AsVoidPtr(PyTuple_GET_ITEM(pair, 1)))) {
            uint32_t name = string_of_object(&graph->strings, PyTuple_GET_ITEM(pair, 0));
            return group_hold(graph, left->group, GROUP_PROPERTY, name, object);
        }
    }
    return true;
}

bool
graph_roots(Graph *graph)
{
    group_add(graph, string_of(&graph->strings, ""));
    if (graph->walk.failed)
        return false;
    uint32_t roots = group_below(graph, 0, "(GC roots)"), modules = group_below(graph, roots, "(Modules)");
    uint32_t threads = group_below(graph, roots, "(Threads)"), kept = group_below(graph, roots, "(Interpreter)");
    uint32_t in_c = group_below(graph, roots, "(Held in C)"), garbage = group_below(graph, roots, "(Garbage)");
    uint32_t shared = group_below(graph, kept, "(names and constants)");
    if (graph->walk.failed)
        return false;
    group_at(graph, shared)->bytes = shared_bytes(graph);
    Left left = {.waiting = {.stride = sizeof(uint32_t)}, .group = kept};
    bool good = hold_named(graph, modules, PyTuple_GET_ITEM(graph->wanted.groups, 0)) &&
                graph_threads(graph, threads) && hold_named(graph, kept, PyTuple_GET_ITEM(graph->wanted.groups, 1)) &&
                reach_groups(graph, &left.waiting) && graph_each(graph, hold_known_list, &left) &&
                reach_groups(graph, &left.waiting) && graph_each(graph, hold_lasting, &left) &&
                find_left(graph, &left, in_c, garbage);
    row_free(graph->walk.memory, &left.waiting);
    return good && !graph->strings.failed;
}
