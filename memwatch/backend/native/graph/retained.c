/* What objects retain. See retained.h.
 *
 * The points are found from the root of the tree of dominators downwards. Where most of what a place retains is in a
 * few large children, these are gone into in its place, and else it is a point: below it the retained size falls
 * steeply, because it holds many small things. So a cache is told, and neither the module above it nor its entries.
 *
 * A class retains what would be freed with all its objects: one that has another of its class above adds nothing. */
#include "graph/retained.h"

#include "graph/ways.h"

#define LARGE_CHILD 10 /* a child is large that has one in so many of the bytes */

typedef struct {
    uint32_t class;
    uint64_t objects;
    uint64_t bytes;
    uint64_t retained;
    uint64_t retained_objects;
} Sum;

typedef struct {
    const Flow *flow;
    Question question;
    Dominators dominators;
    Row points;  /* uint32_t: places */
    Row sums;    /* Sum: of points and their classes, and of classes */
    Pointers sum_of; /* by point and class */
    uint32_t *way;   /* by vertex: the one that leads there, one higher; first something else */
    Out out;
    bool failed;
} Telling;

static bool
is_group(const Telling *telling, uint32_t vertex)
{
    const Graph *graph = telling->flow->graph;
    return graph ? vertex < graph->groups.used : telling->question.classes[vertex] == telling->question.group_class;
}

static uint32_t
class_of(const Telling *telling, uint32_t place)
{
    uint32_t vertex = telling->dominators.vertex[place];
    const Graph *graph = telling->flow->graph;
    if (graph == NULL)
        return telling->question.classes[vertex];
    if (is_group(telling, vertex))
        return group_at(graph, vertex)->name;
    return ((TypeNames *)graph->type_names.data)[graph->kinds[vertex - graph->groups.used]].label;
}

/* ---- sizes ---- */

static uint64_t
vertex_bytes(const Telling *telling, uint32_t vertex)
{
    const Graph *graph = telling->flow->graph;
    if (graph == NULL)
        return telling->question.sizes[vertex];
    return is_group(telling, vertex) ? group_at(graph, vertex)->bytes : graph->sizes[vertex - graph->groups.used];
}

static bool
fill_sizes(Telling *telling)
{
    Dominators *dominators = &telling->dominators;
    const Graph *graph = telling->flow->graph;
    if (!dominators_columns(dominators))
        return false;
    for (uint32_t place = 0; place < dominators->reached; place++) {
        uint32_t vertex = dominators->vertex[place];
        dominators->bytes[place] = vertex_bytes(telling, vertex);
        dominators->objects[place] = !is_group(telling, vertex);
    }
    for (size_t place = 0; graph && place < graph->buffers.used; place++) {
        const Buffer *buffer = (Buffer *)graph->buffers.data + place;
        uint32_t owner = dominators->place[graph->groups.used + buffer->owner];
        if (owner != NO_NODE)
            dominators->bytes[owner] += buffer->bytes;
    }
    return dominators_retain(dominators);
}

static uint64_t
own_bytes(const Dominators *dominators, uint32_t place)
{
    uint64_t below = 0;
    for (uint32_t child = dominators->first[place]; child; child = dominators->next[child])
        below += dominators->bytes[child];
    return dominators->bytes[place] - below;
}

/* ---- points ---- */

static bool
add_point(Telling *telling, uint32_t place)
{
    uint32_t *point = row_add(telling->dominators.memory, &telling->points);
    if (point)
        *point = place;
    return point != NULL;
}

/* Put the large children of *place* in its place, if most of it is theirs; whether that was so. */
static bool
split_point(Telling *telling, size_t number, bool *good)
{
    const Dominators *dominators = &telling->dominators;
    uint32_t place = ((uint32_t *)telling->points.data)[number];
    uint64_t all = dominators->bytes[place], large = 0;
    for (uint32_t child = dominators->first[place]; child; child = dominators->next[child])
        if (dominators->bytes[child] >= all / LARGE_CHILD)
            large += dominators->bytes[child];
    bool group = is_group(telling, dominators->vertex[place]);
    if (dominators->first[place] == 0 || (!group && large < all / 2))
        return false;
    for (uint32_t child = dominators->first[place]; *good && child; child = dominators->next[child])
        if (group || dominators->bytes[child] >= all / LARGE_CHILD)
            *good = add_point(telling, child);
    ((uint32_t *)telling->points.data)[number] = ((uint32_t *)telling->points.data)[--telling->points.used];
    return true;
}

/* The largest one that was not looked at yet stands behind those that were. */
static void
sort_next(Telling *telling, size_t from)
{
    uint32_t *points = (uint32_t *)telling->points.data;
    size_t largest = from;
    for (size_t number = from; number < telling->points.used; number++)
        if (telling->dominators.bytes[points[number]] > telling->dominators.bytes[points[largest]])
            largest = number;
    uint32_t swapped = points[from];
    points[from] = points[largest];
    points[largest] = swapped;
}

static bool
find_points(Telling *telling)
{
    bool good = add_point(telling, 0);
    size_t settled = 0;
    while (good && settled < telling->points.used && settled < telling->question.top) {
        sort_next(telling, settled);
        if (split_point(telling, settled, &good))
            continue;
        uint32_t *points = (uint32_t *)telling->points.data;
        if (is_group(telling, telling->dominators.vertex[points[settled]]))
            points[settled] = points[--telling->points.used];
        else
            settled++;
    }
    telling->points.used = Py_MIN(telling->points.used, settled);
    return good;
}

/* ---- classes ---- */

static Sum *
sum_at(Telling *telling, uint32_t point, uint32_t class)
{
    const void *key = (const void *)(((uintptr_t)point << 32 | class) + 1);
    Pointer *entry = pointers_enter(telling->dominators.memory, &telling->sum_of, key);
    if (entry && entry->number == 0) {
        Sum *made = row_add(telling->dominators.memory, &telling->sums);
        if (made)
            *made = (Sum){.class = class};
        entry->number = made ? (Py_ssize_t)telling->sums.used : 0;
    }
    if (entry == NULL || entry->number == 0) {
        telling->failed = true;
        return NULL;
    }
    return (Sum *)telling->sums.data + entry->number - 1;
}

static void
add_to(Telling *telling, uint32_t point, uint32_t place, uint64_t bytes)
{
    Sum *sum = sum_at(telling, point, class_of(telling, place));
    if (sum) {
        sum->objects++;
        sum->bytes += bytes;
    }
}

/* Add up what hangs at each point by class. `way` has the number of a place's point meanwhile, from 1 on. */
static void
sum_points(Telling *telling)
{
    Dominators *dominators = &telling->dominators;
    uint32_t *points = (uint32_t *)telling->points.data, *point_of = telling->way;
    for (size_t number = 0; number < telling->points.used; number++)
        point_of[points[number]] = (uint32_t)number + 1;
    for (uint32_t place = 0; place < dominators->reached && !telling->failed; place++) {
        if (point_of[place] == 0)
            point_of[place] = point_of[dominators->dominator[place]];
        if (point_of[place])
            add_to(telling, point_of[place], place, own_bytes(dominators, place));
    }
}

/* What classes retain, by a walk through the tree that counts how many of a class are open above. */
static bool
sum_classes(Telling *telling)
{
    const Dominators *dominators = &telling->dominators;
    uint32_t place = 0;
    Row open = {.stride = sizeof(uint32_t)};
    uint32_t classes = telling->question.most_classes;
    size_t room = ((size_t)classes + 1) * sizeof(uint32_t);
    uint32_t *above = memory_map(dominators->memory, room);
    bool good = above != NULL, down = true;
    while (good && !telling->failed) {
        uint32_t class = class_of(telling, place);
        if (down) {
            Sum *sum = is_group(telling, dominators->vertex[place]) ? NULL : sum_at(telling, 0, class);
            if (sum) {
                sum->objects++;
                sum->bytes += own_bytes(dominators, place);
                sum->retained += above[class] ? 0 : dominators->bytes[place];
                sum->retained_objects += above[class] ? 0 : dominators->objects[place];
            }
            above[class]++;
        }
        if (down && dominators->first[place]) {
            uint32_t *entered = row_add(dominators->memory, &open);
            good = entered != NULL;
            if (good)
                *entered = place;
            place = dominators->first[place];
            continue;
        }
        above[class]--;
        down = place && dominators->next[place];
        if (down)
            place = dominators->next[place];
        else if (open.used)
            place = ((uint32_t *)open.data)[--open.used];
        else
            break;
    }
    row_free(dominators->memory, &open);
    memory_unmap(dominators->memory, above, room);
    return good && !telling->failed;
}

/* ---- telling ---- */

static void
put_number(Out *out, const char *before, uint64_t number)
{
    out_text(out, before);
    out_room(out);
    out_number(out, number);
}

/* A class by its name; of columns by its number. */
static void
put_class(Telling *telling, uint32_t class)
{
    if (telling->flow->graph)
        put_name(&telling->out, &telling->flow->graph->strings, class);
    else
        put_number(&telling->out, "", class);
}

static void
put_sums(Telling *telling, uint32_t point)
{
    bool has_one = false;
    for (size_t slot = 0; slot < telling->sum_of.room; slot++) {
        const Pointer *entry = &telling->sum_of.slots[slot];
        if (entry->pointer == NULL || ((uintptr_t)entry->pointer - 1) >> 32 != point)
            continue;
        const Sum *sum = (Sum *)telling->sums.data + entry->number - 1;
        out_text(&telling->out, has_one ? ",[" : "[");
        put_class(telling, sum->class);
        put_number(&telling->out, ",", sum->objects);
        put_number(&telling->out, ",", sum->bytes);
        put_number(&telling->out, ",", sum->retained);
        put_number(&telling->out, ",", sum->retained_objects);
        out_text(&telling->out, "]");
        has_one = true;
    }
}

static void
put_point(Telling *telling, uint32_t number)
{
    const Dominators *dominators = &telling->dominators;
    uint32_t place = ((uint32_t *)telling->points.data)[number];
    uint32_t vertex = dominators->vertex[place];
    Out *out = &telling->out;
    put_number(out, number ? ",{\"vertex\":" : "{\"vertex\":", vertex);
    put_number(out, ",\"bytes\":", dominators->bytes[place]);
    put_number(out, ",\"objects\":", dominators->objects[place]);
    put_number(out, ",\"own\":", own_bytes(dominators, place));
    if (telling->flow->graph) {
        out_text(out, ",\"name\":");
        put_name(out, &telling->flow->graph->strings, vertex_name((Graph *)telling->flow->graph, vertex));
    }
    out_text(out, ",\"way\":");
    way_tell(telling->flow, telling->way, vertex, out);
    out_text(out, ",\"classes\":[");
    put_sums(telling, number + 1);
    out_text(out, "]}");
}

static void
put_all(Telling *telling)
{
    const Dominators *dominators = &telling->dominators;
    Out *out = &telling->out;
    uint32_t wanted = telling->question.wanted;
    uint32_t place = wanted < telling->flow->count ? dominators->place[wanted] : NO_NODE;
    put_number(out, "{\"bytes\":", dominators->bytes[0]);
    put_number(out, ",\"objects\":", dominators->objects[0]);
    put_number(out, ",\"wanted\":[", place == NO_NODE ? 0 : dominators->bytes[place]);
    put_number(out, ",", place == NO_NODE ? 0 : dominators->objects[place]);
    out_text(out, "],\"points\":[");
    for (uint32_t number = 0; number < telling->points.used; number++)
        put_point(telling, number);
    out_text(out, "],\"classes\":[");
    put_sums(telling, 0);
    out_text(out, "]}");
    out_flush(out);
}

static bool
find_all(Telling *telling)
{
    size_t room = ((size_t)telling->flow->count + 1) * sizeof(uint32_t);
    if (!fill_sizes(telling))
        return false;
    if (telling->question.top == 0)
        return true;
    telling->way = memory_map(telling->dominators.memory, room);
    if (telling->way == NULL || !find_points(telling))
        return false;
    sum_points(telling);
    bool good = !telling->failed && sum_classes(telling);
    memory_unmap(telling->dominators.memory, telling->way, room);
    telling->way = memory_map(telling->dominators.memory, room);
    return good && telling->way && ways_find(telling->flow, telling->dominators.memory, telling->way);
}

bool
retained_tell(const Flow *flow, Question question, Memory *memory, Row *text)
{
    Telling telling = {.flow = flow, .question = question, .points = {.stride = sizeof(uint32_t)}};
    telling.sums.stride = sizeof(Sum);
    text->stride = 1;
    telling.out = (Out){.buffer = memory_map(memory, OUT_ROOM), .memory = memory, .kept = text};
    bool good = telling.out.buffer && dominators_find(&telling.dominators, flow, memory) && find_all(&telling);
    if (good)
        put_all(&telling);
    good = good && !telling.out.error && !telling.failed;
    memory_unmap(memory, telling.way, ((size_t)flow->count + 1) * sizeof(uint32_t));
    memory_unmap(memory, telling.out.buffer, OUT_ROOM);
    pointers_free(memory, &telling.sum_of);
    row_free(memory, &telling.points);
    row_free(memory, &telling.sums);
    dominators_free(&telling.dominators);
    return good;
}
