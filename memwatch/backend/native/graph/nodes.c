/* The nodes of the graph: their numbers, sizes and kinds. See graph.h. */
#include "graph/graph.h"

#include "graph/names.h"
#include "search/search.h"

#include <string.h>

#define LARGEST_NODE (UINT32_MAX - FOLDS_INTO * LARGEST_LEAF) /* so that it can take in what is folded */

static bool
fail(Graph *graph)
{
    graph->walk.failed = true;
    return false;
}

/* ---- what no census sees ---- */

static bool
is_array(const Graph *graph, const Kind *kind)
{
    return is_array_type(graph->wanted.array_type, kind->type);
}

/* A visitproc: what an array holds and the walk has not met. */
static int
widen(PyObject *object, void *arg)
{
    Graph *graph = arg;
    if (object == NULL || pointers_find(&graph->walk.hidden, object))
        return 0;
    int is_new = marks_add(graph->walk.memory, &graph->walk.marks, object);
    if (is_new < 0 || (is_new && !row_push(graph->walk.memory, &graph->walk.stack, object)))
        return fail(graph) - 1;
    return 0;
}

static bool
widen_from(Graph *graph, PyObject *object, void *arg)
{
    (void)arg;
    Kind *kind = kind_of(&graph->walk, object);
    if (kind && is_array(graph, kind))
        follow_hollow(object, widen, graph);
    while (kind && graph->walk.stack.used && !graph->walk.failed) {
        PyObject *met = ((PyObject **)graph->walk.stack.data)[--graph->walk.stack.used];
        kind = kind_of(&graph->walk, met);
        if (kind && kind->flags & KIND_TRACKABLE)
            follow(&graph->walk, kind, met, widen);
        if (kind && is_array(graph, kind))
            follow_hollow(met, widen, graph);
    }
    return kind ? !graph->walk.failed : fail(graph);
}

/* ---- numbers ---- */

static bool
rank_granule(Graph *graph, const Granule *granule, Ranks **place)
{
    Ranks *ranks = *place = pool_cut(graph->walk.memory, &graph->pool, sizeof(Ranks));
    if (ranks == NULL)
        return fail(graph);
    ranks->base = (uint32_t)graph->nodes;
    uint32_t before = 0;
    for (size_t word = 0; word < WORDS; word++) {
        ranks->before[word] = (uint16_t)before;
        before += (uint32_t)__builtin_popcountll(granule->words[word]);
    }
    graph->nodes += before;
    return true;
}

static bool
rank_all(Graph *graph)
{
    for (int half = 0; half < 2; half++) {
        graph->ranks[half] = pool_reserve(graph->walk.memory, &graph->pool, TABLE_ROOM * sizeof(Ranks **));
        if (graph->ranks[half] == NULL)
            return fail(graph);
        for (size_t top = 0; top < TABLE_ROOM; top++) {
            Granule **table = graph->walk.marks.tops[half][top];
            if (table == NULL)
                continue;
            Ranks **ranks = pool_reserve(graph->walk.memory, &graph->pool, TABLE_ROOM * sizeof(Ranks *));
            if ((graph->ranks[half][top] = ranks) == NULL)
                return fail(graph);
            for (size_t place = 0; place < TABLE_ROOM; place++)
                if (table[place] && !rank_granule(graph, table[place], ranks + place))
                    return false;
        }
    }
    graph->too_large = graph->nodes > UINT32_MAX / 8;
    return !graph->too_large;
}

static bool
each_of_granule(Graph *graph, const Granule *granule, uintptr_t base, bool (*meet)(Graph *, PyObject *, void *),
                void *arg)
{
    for (size_t word = 0; word < WORDS; word++)
        for (uint64_t marks = granule->words[word]; marks; marks &= marks - 1) {
            graph->object = (PyObject *)(base + (word << 10) + ((uintptr_t)__builtin_ctzll(marks) << 4));
            if (!meet(graph, graph->object, arg))
                return false;
            graph->at++;
        }
    return true;
}

bool
graph_each(Graph *graph, bool (*meet)(Graph *, PyObject *, void *), void *arg)
{
    graph->at = 0;
    for (uintptr_t half = 0; half < 2; half++)
        for (uintptr_t top = 0; top < TABLE_ROOM; top++) {
            Granule **table = graph->walk.marks.tops[half][top];
            for (uintptr_t place = 0; table && place < TABLE_ROOM; place++) {
                uintptr_t base = top << TABLE_SHIFT | place << GRANULE_SHIFT | half << 3;
                if (table[place] && !each_of_granule(graph, table[place], base, meet, arg))
                    return false;
            }
        }
    return true;
}

PyObject *
node_object_of(const Graph *graph, uint32_t node)
{
    const Ranks *found = NULL;
    uintptr_t base = 0;
    const Granule *granule = NULL;
    for (uintptr_t half = 0; half < 2; half++)
        for (uintptr_t top = 0; top < TABLE_ROOM; top++) {
            Ranks **table = graph->ranks[half][top];
            for (uintptr_t place = 0; table && place < TABLE_ROOM; place++)
                if (table[place] && table[place]->base <= node && (!found || table[place]->base >= found->base)) {
                    found = table[place];
                    granule = graph->walk.marks.tops[half][top][place];
                    base = top << TABLE_SHIFT | place << GRANULE_SHIFT | half << 3;
                }
        }
    uint32_t left = node - found->base;
    size_t word = 0;
    while (word + 1 < WORDS && found->before[word + 1] <= left)
        word++;
    uint64_t marks = granule->words[word];
    for (left -= found->before[word]; left; left--)
        marks &= marks - 1;
    return (PyObject *)(base + (word << 10) + ((uintptr_t)__builtin_ctzll(marks) << 4));
}

/* ---- sizes and kinds ---- */

static bool
is_constant(PyObject *object)
{
    return object == Py_None || object == Py_True || object == Py_False || object == Py_Ellipsis || IS_IMMORTAL(object);
}

static uint8_t
flags_of(const Kind *kind, const TypeNames *names, PyObject *object)
{
    uint8_t flags = 0;
    if (kind->flags & KIND_TRACKABLE || names->is_untracked_holder)
        return 0;
    flags |= NODE_LEAF | (Py_REFCNT(object) == 1 ? NODE_ALONE : 0);
    if (is_constant(object) || (PyUnicode_CheckExact(object) && PyUnicode_CHECK_INTERNED(object)))
        flags |= NODE_SHARED;
    return flags;
}

static bool
add_buffer(Graph *graph, uint64_t bytes)
{
    Buffer *buffer = row_add(graph->walk.memory, &graph->buffers);
    if (buffer == NULL)
        return fail(graph);
    *buffer = (Buffer){graph->at, bytes, graph->object};
    return true;
}

/* What an object keeps beside itself that is no object: *bytes* are part of its size where *counted*. */
static uint64_t
buffer_of(const Graph *graph, const Kind *kind, const TypeNames *names, PyObject *object, bool *counted)
{
    *counted = kind->rule == SIZE_BYTEARRAY;
    if (*counted)
        return (uint64_t)bytearray_buffer((PyByteArrayObject *)object);
    if (names->is_untracked_holder && !PyCode_Check(object) && graph->wanted.array_type)
        return array_bytes(object);
    return 0;
}

static bool
read_node(Graph *graph, PyObject *object, void *arg)
{
    (void)arg;
    Kind *kind = kind_of(&graph->walk, object);
    TypeNames *names = kind ? type_names(graph, kind) : NULL;
    if (names == NULL)
        return fail(graph);
    bool counted;
    uint64_t bytes = (uint64_t)(kind->flags & KIND_ARRAY ? size_of(kind, object) : size_unasked(kind, object));
    uint64_t beside = buffer_of(graph, kind, names, object, &counted);
    graph->kinds[graph->at] = kind->place;
    graph->flags[graph->at] = flags_of(kind, names, object);
    graph->bytes += bytes + (counted ? 0 : beside);
    if (beside >= BUFFER_FROM) {
        bytes -= counted ? beside : 0;
        if (!add_buffer(graph, beside))
            return false;
    } else if (!counted)
        bytes += beside;
    if (bytes > LARGEST_NODE) {
        if (!add_buffer(graph, bytes - sizeof(PyVarObject)))
            return false;
        bytes = sizeof(PyVarObject);
    }
    graph->sizes[graph->at] = (uint32_t)bytes;
    return true;
}

static void *
map_column(Graph *graph, size_t stride)
{
    void *column = memory_map(graph->walk.memory, (graph->nodes + 1) * stride);
    if (column == NULL)
        fail(graph);
    return column;
}

bool
graph_nodes(Graph *graph)
{
    graph->weak.stride = sizeof(WeakEdge);
    graph->buffers.stride = sizeof(Buffer);
    graph->type_names.stride = sizeof(TypeNames);
    graph->members.stride = sizeof(Member);
    graph->groups.stride = sizeof(RootGroup);
    graph->group_edges.stride = sizeof(GroupEdge);
    if ((graph->wanted.array_type && !graph_each(graph, widen_from, NULL)) || !rank_all(graph))
        return false;
    graph->sizes = map_column(graph, sizeof(uint32_t));
    graph->kinds = map_column(graph, sizeof(uint32_t));
    graph->starts = map_column(graph, sizeof(uint32_t));
    graph->flags = map_column(graph, 1);
    return !graph->walk.failed && graph_each(graph, read_node, NULL);
}

static void
unmap_column(Graph *graph, void *column, size_t stride)
{
    memory_unmap(graph->walk.memory, column, (graph->nodes + 1) * stride);
}

void
graph_free(Graph *graph)
{
    Memory *memory = graph->walk.memory;
    unmap_column(graph, graph->sizes, sizeof(uint32_t));
    unmap_column(graph, graph->kinds, sizeof(uint32_t));
    unmap_column(graph, graph->starts, sizeof(uint32_t));
    unmap_column(graph, graph->flags, 1);
    memory_unmap(memory, graph->ordinals, (graph->nodes / 64 + 1) * sizeof(uint32_t));
    memory_unmap(memory, graph->kept, (graph->nodes / 64 + 1) * sizeof(uint64_t));
    for (size_t block = 0; graph->edges && graph->edges[block]; block++)
        memory_unmap(memory, graph->edges[block], BLOCK_EDGES * sizeof(uint32_t));
    pool_free(memory, &graph->pool);
    Row *rows[] = {&graph->weak,    &graph->buffers, &graph->type_names,
                   &graph->members, &graph->groups,  &graph->group_edges};
    for (size_t row = 0; row < Py_ARRAY_LENGTH(rows); row++)
        if (rows[row]->data)
            row_free(memory, rows[row]);
    strings_free(&graph->strings);
}
