/* The ways from the root to some vertices, and how they are told. See ways.h. */
#include "graph/ways.h"

#include "graph/names.h"

#define LONGEST_WAY 40
#define GROUPS_ABOVE 1 /* the vertex that is called (GC roots) */

typedef struct {
    const Flow *flow;
    Memory *memory;
    uint32_t *way;
    Row queue; /* uint32_t */
    size_t next;
} Walking;

static bool
enter(Walking *walking, uint32_t vertex, uint32_t from)
{
    if (vertex == 0 || walking->way[vertex])
        return true;
    walking->way[vertex] = from + 1;
    uint32_t *entered = row_add(walking->memory, &walking->queue);
    if (entered)
        *entered = vertex;
    return entered != NULL;
}

static bool
run(Walking *walking)
{
    bool good = true;
    while (good && walking->next < walking->queue.used) {
        uint32_t vertex = ((uint32_t *)walking->queue.data)[walking->next++], target;
        uint32_t cursor = flow_begin(walking->flow, vertex);
        while (good && flow_next(walking->flow, vertex, &cursor, &target)) {
            good = enter(walking, target, vertex);
            if (vertex == GROUPS_ABOVE) /* what a module leads to is not told as a thread's */
                good = good && run(walking);
        }
    }
    return good;
}

bool
ways_find(const Flow *flow, Memory *memory, uint32_t *way)
{
    Walking walking = {.flow = flow, .memory = memory, .way = way, .queue = {.stride = sizeof(uint32_t)}};
    uint32_t cursor = flow_begin(flow, 0), target;
    bool good = true;
    while (good && flow_next(flow, 0, &cursor, &target))
        good = enter(&walking, target, 0) && run(&walking);
    row_free(memory, &walking.queue);
    return good;
}

/* ---- names ---- */

typedef struct {
    Graph *graph;
    Naming naming;
    uint32_t wanted;
    EdgeName found;
    bool is_found;
} NamedEdge;

static int
name_wanted(PyObject *target, void *arg)
{
    Graph *graph = arg;
    NamedEdge *edge = graph->named;
    if (target == NULL)
        return 0;
    EdgeName name = name_edge(graph, &edge->naming, target);
    if (node_of(graph, target) != edge->wanted)
        return 0;
    edge->found = name;
    edge->is_found = true;
    return -1;
}

static EdgeName
edge_between(Graph *graph, uint32_t from, uint32_t to)
{
    static const EdgeType types[] = {EDGE_PROPERTY, EDGE_ELEMENT, EDGE_VARIABLE, EDGE_INTERNAL};
    uint32_t groups = (uint32_t)graph->groups.used;
    if (from < groups) {
        for (uint32_t next = group_at(graph, from)->first; next;) {
            const GroupEdge *edge = (GroupEdge *)graph->group_edges.data + next - 1;
            if (edge->target + (edge->to_group ? 0 : groups) == to)
                return (EdgeName){types[edge->kind], edge->name};
            next = edge->next;
        }
        return (EdgeName){EDGE_ELEMENT, 0};
    }
    NamedEdge edge = {.graph = graph, .wanted = to - groups, .found = {EDGE_INTERNAL, 0}};
    PyObject *object = node_object_of(graph, from - groups);
    const Kind *kind = kind_of(&graph->walk, object);
    naming_begin(&edge.naming, (TypeNames *)graph->type_names.data + kind->place, object);
    graph->named = &edge;
    graph_follow(graph, kind, object, name_wanted);
    return edge.is_found ? edge.found : (EdgeName){EDGE_INTERNAL, string_of(&graph->strings, "reference")};
}

uint32_t
vertex_name(Graph *graph, uint32_t vertex)
{
    uint32_t groups = (uint32_t)graph->groups.used;
    if (vertex < groups)
        return group_at(graph, vertex)->name;
    PyObject *object = node_object_of(graph, vertex - groups);
    const Kind *kind = kind_of(&graph->walk, object);
    return name_node(graph, (TypeNames *)graph->type_names.data + kind->place, object);
}

void
put_name(Out *out, const Strings *strings, uint32_t number)
{
    size_t start = strings_start(strings, number), end = strings_start(strings, (size_t)number + 1);
    out_string(out, strings->bytes.data + start, end - start);
}

/* ---- telling ---- */

/* [type, name or number, name of the node], for what a file has no names of its own. */
static void
put_named_step(Graph *graph, Out *out, uint32_t from, uint32_t to)
{
    EdgeName edge = edge_between(graph, from, to);
    out_text(out, "[");
    out_room(out);
    out_number(out, (uint64_t)edge.type);
    out_text(out, ",");
    if (edge.type == EDGE_ELEMENT) {
        out_room(out);
        out_number(out, edge.name);
    } else
        put_name(out, &graph->strings, edge.name);
    out_text(out, ",");
    put_name(out, &graph->strings, vertex_name(graph, to));
    out_text(out, "]");
}

void
way_tell(const Flow *flow, const uint32_t *way, uint32_t vertex, Out *out)
{
    uint32_t steps[LONGEST_WAY];
    size_t length = 0;
    for (; vertex && length < LONGEST_WAY; vertex = way[vertex] - 1)
        steps[length++] = vertex;
    out_text(out, "[");
    for (size_t step = length; step-- > 0;) {
        uint32_t from = way[steps[step]] - 1;
        if (flow->graph)
            put_named_step((Graph *)flow->graph, out, from, steps[step]);
        else {
            out_room(out);
            out_number(out, steps[step]);
        }
        out_text(out, step ? "," : "");
    }
    out_text(out, "]");
}
