/* A heap snapshot as V8's programs write it. See write.h.
 *
 * The order of the keys is part of the format, for its readers stream it too. Nodes come in the order groups, objects,
 * buffers, and the edges of each node in the same order behind each other. How many there are of both stands before
 * them: so they are counted first. Strings come last, for they are found while the rest is written. */
#include "graph/write.h"

#include "graph/names.h"
#include "graph/out.h"

enum { NODE_OBJECT = 3, NODE_NATIVE = 8, NODE_SYNTHETIC = 9 };

typedef struct Writer {
    Graph *graph;
    const AllocationData *allocations;
    Ids *ids;
    Out out;
    Pointers stacks;   /* by object: the number of the stack that allocated it */
    uint32_t fields;   /* of a node */
    uint32_t objects;  /* written */
    uint64_t edges;
    uint32_t edge;     /* of the graph, that comes next */
    size_t weak, buffer; /* the next ones */
    Naming naming;
    bool has_one;      /* a row was written: the next one needs a comma */
} Writer;

static const char meta[] =
    "],\"node_types\":[[\"hidden\",\"array\",\"string\",\"object\",\"code\",\"closure\",\"regexp\",\"number\","
    "\"native\",\"synthetic\",\"concatenated string\",\"sliced string\",\"symbol\",\"bigint\"],\"string\",\"number\","
    "\"number\",\"number\"%s],\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],\"edge_types\":[[\"context\","
    "\"element\",\"property\",\"internal\",\"hidden\",\"shortcut\",\"weak\"],\"string_or_number\",\"node\"],"
    "\"trace_function_info_fields\":[\"function_id\",\"name\",\"script_name\",\"script_id\",\"line\",\"column\"],"
    "\"trace_node_fields\":[\"id\",\"function_info_index\",\"count\",\"size\",\"children\"],"
    "\"sample_fields\":[\"timestamp_us\",\"last_assigned_id\"],"
    "\"location_fields\":[\"object_index\",\"script_id\",\"line\",\"column\"]}";

/* ---- counting ---- */

static uint32_t
kept_edges(const Graph *graph, uint32_t node)
{
    uint32_t kept = 0;
    for (uint32_t edge = graph->starts[node]; edge < graph->starts[node + 1]; edge++)
        kept += !(graph->flags[edge_at(graph, edge)] & NODE_FOLDED);
    return kept;
}

static void
count_all(Writer *writer)
{
    const Graph *graph = writer->graph;
    writer->objects = ordinal_of(graph, (uint32_t)graph->nodes);
    writer->edges = graph->group_edges.used + graph->weak.used + graph->buffers.used;
    for (uint32_t node = 0; node < graph->nodes; node++)
        if (!(graph->flags[node] & NODE_FOLDED))
            writer->edges += kept_edges(graph, node);
}

static void
put_head(Writer *writer)
{
    Out *out = &writer->out;
    bool traced = writer->fields == 6;
    uint64_t nodes = writer->graph->groups.used + writer->objects + writer->graph->buffers.used;
    out_text(out, "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\"");
    out_text(out, traced ? ",\"trace_node_id\"" : "");
    const char *gap = strchr(meta, '%');
    out_bytes(out, meta, (size_t)(gap - meta));
    out_text(out, traced ? ",\"number\"" : "");
    out_text(out, gap + 2);
    out_text(out, ",\"node_count\":");
    out_room(out);
    out_number(out, nodes);
    out_text(out, ",\"edge_count\":");
    out_room(out);
    out_number(out, writer->edges);
    out_text(out, ",\"trace_function_count\":");
    out_room(out);
    out_number(out, writer->allocations->count);
    out_text(out, ",\"memwatch\":");
    out_bytes(out, PyBytes_AS_STRING(writer->allocations->about), (size_t)PyBytes_GET_SIZE(writer->allocations->about));
    out_text(out, "},\n\"nodes\":[");
}

/* ---- nodes ---- */

static void
begin_row(Writer *writer)
{
    out_room(&writer->out);
    if (writer->has_one)
        out_char(&writer->out, ',');
    writer->has_one = true;
}

static void
put_node(Writer *writer, const uint64_t fields[6])
{
    begin_row(writer);
    for (uint32_t field = 0; field < writer->fields; field++) {
        if (field)
            out_char(&writer->out, ',');
        out_number(&writer->out, fields[field]);
    }
    out_char(&writer->out, '\n');
}

/* The next thing beside a node: whether it is *node*'s. */
static bool
has_weak(const Writer *writer, uint32_t node)
{
    return writer->weak < writer->graph->weak.used &&
           ((WeakEdge *)writer->graph->weak.data)[writer->weak].owner == node;
}

static bool
has_buffer(const Writer *writer, uint32_t node)
{
    return writer->buffer < writer->graph->buffers.used &&
           ((Buffer *)writer->graph->buffers.data)[writer->buffer].owner == node;
}

static bool
put_object(Graph *graph, PyObject *object, void *arg)
{
    Writer *writer = arg;
    uint32_t node = graph->at, edges = kept_edges(graph, node);
    for (; has_weak(writer, node); writer->weak++)
        edges++;
    for (; has_buffer(writer, node); writer->buffer++)
        edges++;
    if (graph->flags[node] & NODE_FOLDED)
        return !writer->out.error;
    const Kind *kind = kind_of(&graph->walk, object);
    uint32_t name = name_node(graph, (TypeNames *)graph->type_names.data + kind->place, object);
    const Pointer *stack = pointers_find(&writer->stacks, object);
    uint64_t row[] = {NODE_OBJECT,        name,  id_of(writer->ids, object, kind->type),
                      graph->sizes[node], edges, stack ? (uint64_t)stack->number : 0};
    put_node(writer, row);
    return !writer->out.error && !writer->ids->full && !graph->strings.failed;
}

static void
put_buffers(Writer *writer)
{
    Graph *graph = writer->graph;
    for (size_t place = 0; place < graph->buffers.used; place++) {
        const Buffer *buffer = (Buffer *)graph->buffers.data + place;
        PyObject *owner = buffer->object;
        Strings *strings = &graph->strings;
        label_put(Py_TYPE(owner), text_add, strings);
        text_add(strings, " buffer", 7);
        uint32_t name = text_end(strings);
        uint64_t size = Py_MIN(buffer->bytes, (uint64_t)UINT32_MAX);
        uint32_t id = id_of(writer->ids, owner, Py_TYPE(owner)) + 1; /* inside of its owner no other object begins */
        put_node(writer, (uint64_t[6]){NODE_NATIVE, name, id, size, 0, 0});
    }
}

static bool
put_nodes(Writer *writer)
{
    const Graph *graph = writer->graph;
    for (uint32_t place = 0; place < graph->groups.used; place++) {
        const RootGroup *group = group_at(graph, place);
        uint64_t size = Py_MIN(group->bytes, (uint64_t)UINT32_MAX);
        put_node(writer, (uint64_t[6]){NODE_SYNTHETIC, group->name, Py_MIN(place, 0xFFFE) + 1, size, group->edges, 0});
    }
    if (!graph_each(writer->graph, put_object, writer))
        return false;
    put_buffers(writer);
    return true;
}

/* ---- edges ---- */

static void
put_edge(Writer *writer, unsigned type, uint32_t name, uint64_t ordinal)
{
    begin_row(writer);
    out_number(&writer->out, type);
    out_char(&writer->out, ',');
    out_number(&writer->out, name);
    out_char(&writer->out, ',');
    out_number(&writer->out, ordinal * writer->fields);
    out_char(&writer->out, '\n');
}

static uint64_t
place_of(const Writer *writer, uint32_t node)
{
    return writer->graph->groups.used + ordinal_of(writer->graph, node);
}

static void
put_group_edges(Writer *writer)
{
    static const unsigned types[] = {EDGE_PROPERTY, EDGE_ELEMENT, EDGE_VARIABLE, EDGE_INTERNAL};
    const Graph *graph = writer->graph;
    for (uint32_t place = 0; place < graph->groups.used; place++)
        for (uint32_t next = group_at(graph, place)->first; next;) {
            const GroupEdge *edge = (GroupEdge *)graph->group_edges.data + next - 1;
            put_edge(writer, types[edge->kind], edge->name,
                     edge->to_group ? edge->target : place_of(writer, edge->target));
            next = edge->next;
        }
}

/* A visitproc, called as add_edge() of edges.c was. */
static int
put_reference(PyObject *target, void *arg)
{
    Graph *graph = arg;
    Writer *writer = graph->writer;
    uint32_t node = target ? node_of(graph, target) : NO_NODE;
    if (target == NULL)
        return 0;
    EdgeName name = name_edge(graph, &writer->naming, target);
    if (node == NO_NODE || !is_shown(graph, node) || writer->edge == graph->starts[graph->at + 1])
        return 0;
    writer->edge++;
    if (!(graph->flags[node] & NODE_FOLDED))
        put_edge(writer, name.type, name.name, place_of(writer, node));
    return 0;
}

static bool
put_references(Graph *graph, PyObject *object, void *arg)
{
    Writer *writer = arg;
    uint32_t node = graph->at;
    writer->edge = graph->starts[node];
    const Kind *kind = graph->flags[node] & NODE_LEAF ? NULL : kind_of(&graph->walk, object);
    if (kind) {
        naming_begin(&writer->naming, (TypeNames *)graph->type_names.data + kind->place, object);
        graph_follow(graph, kind, object, put_reference);
    }
    for (; has_weak(writer, node); writer->weak++)
        put_edge(writer, EDGE_WEAK, string_of(&graph->strings, "(weak)"),
                 place_of(writer, ((WeakEdge *)graph->weak.data)[writer->weak].target));
    for (; has_buffer(writer, node); writer->buffer++)
        put_edge(writer, EDGE_INTERNAL, string_of(&graph->strings, "(buffer)"),
                 graph->groups.used + writer->objects + writer->buffer);
    return !writer->out.error && !graph->strings.failed;
}

static bool
put_edges(Writer *writer)
{
    out_text(&writer->out, "],\n\"edges\":[");
    writer->has_one = false;
    writer->weak = writer->buffer = 0;
    put_group_edges(writer);
    return graph_each(writer->graph, put_references, writer);
}

/* ---- the rest ---- */

static void
put_json(Writer *writer, const char *key, PyObject *json)
{
    out_text(&writer->out, "],\n\"");
    out_text(&writer->out, key);
    out_text(&writer->out, "\":[");
    if (json)
        out_bytes(&writer->out, PyBytes_AS_STRING(json), (size_t)PyBytes_GET_SIZE(json));
}

static void
put_strings(Writer *writer)
{
    const Strings *strings = &writer->graph->strings;
    put_json(writer, "strings", NULL);
    for (size_t number = 0; number < strings->ends.used && !writer->out.error; number++) {
        size_t start = strings_start(strings, number);
        if (number)
            out_text(&writer->out, ",\n");
        out_string(&writer->out, strings->bytes.data + start, strings_start(strings, number + 1) - start);
    }
    out_text(&writer->out, "]}\n");
    out_flush(&writer->out);
}

static bool
read_stacks(Writer *writer)
{
    const char *data = PyBytes_AS_STRING(writer->allocations->stacks);
    for (Py_ssize_t at = 0; at + 16 <= PyBytes_GET_SIZE(writer->allocations->stacks); at += 16) {
        uint64_t pair[2];
        memcpy(pair, data + at, sizeof(pair));
        Pointer *entry = pointers_enter(writer->graph->walk.memory, &writer->stacks, (void *)(uintptr_t)pair[0]);
        if (entry == NULL)
            return false;
        entry->number = (Py_ssize_t)pair[1];
    }
    return true;
}

static bool
put_all(Writer *writer)
{
    put_head(writer);
    if (!put_nodes(writer) || !put_edges(writer))
        return false;
    put_json(writer, "trace_function_infos", writer->allocations->functions);
    put_json(writer, "trace_tree", writer->allocations->tree);
    put_json(writer, "samples", NULL);
    put_json(writer, "locations", NULL);
    put_strings(writer);
    return !writer->out.error;
}

bool
graph_write(Graph *graph, const AllocationData *allocations, Ids *ids, int file, Facts *facts)
{
    Memory *memory = graph->walk.memory;
    Writer writer = {.graph = graph, .allocations = allocations, .ids = ids, .out = {.file = file}};
    writer.fields = allocations->count ? 6 : 5;
    writer.out.buffer = memory_map(memory, OUT_ROOM);
    graph->writer = &writer;
    bool good = writer.out.buffer && read_stacks(&writer);
    if (good) {
        count_all(&writer);
        graph->too_large |= writer.edges > UINT32_MAX / 3 || writer.objects > UINT32_MAX / 8;
        good = !graph->too_large && put_all(&writer);
    }
    facts->objects = graph->nodes;
    facts->bytes = graph->bytes;
    facts->nodes = graph->groups.used + writer.objects + graph->buffers.used;
    facts->edges = writer.edges;
    facts->length = writer.out.length;
    facts->error = writer.out.error;
    facts->too_large = graph->too_large ? 1 : ids->full ? 2 : 0;
    pointers_free(memory, &writer.stacks);
    memory_unmap(memory, writer.out.buffer, OUT_ROOM);
    return good;
}
