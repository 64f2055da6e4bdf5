/* Dominators by semi-NCA. See dominators.h.
 *
 * 1. A walk in depth numbers the vertices: from here on all is told by these numbers, "places".
 * 2. Backwards, for each place the least place from which a way leads there that goes through greater ones alone; a
 *    forest of those that were looked at, with its ways made shorter as they are gone, answers which one that is.
 * 3. Forwards, the nearest place above that is no greater than that one dominates. */
#include "graph/dominators.h"

#include <string.h>

typedef struct {
    uint32_t vertex;
    uint32_t cursor;
} Open;

typedef struct {
    Dominators *dominators;
    const Flow *flow;
    uint32_t *parent; /* in the walk; later: the nearest one that is not passed yet */
    uint32_t *semi;
    uint32_t *label;
    uint32_t *starts; /* of the places that refer to a place */
    uint32_t *sources;
    size_t edges;
    Row open; /* Open, and later places */
} Finding;

static void *
map_column(const Dominators *dominators, size_t stride)
{
    return memory_map(dominators->memory, ((size_t)dominators->count + 1) * stride);
}

static void
unmap_column(const Dominators *dominators, void *column, size_t stride)
{
    memory_unmap(dominators->memory, column, ((size_t)dominators->count + 1) * stride);
}

/* ---- the walk ---- */

static bool
enter(Finding *search, uint32_t vertex, uint32_t parent)
{
    Dominators *dominators = search->dominators;
    uint32_t place = dominators->reached++;
    dominators->place[vertex] = place;
    dominators->vertex[place] = vertex;
    search->parent[place] = parent;
    Open *open = row_add(dominators->memory, &search->open);
    if (open)
        *open = (Open){vertex, flow_begin(search->flow, vertex)};
    return open != NULL;
}

static bool
walk(Finding *search)
{
    Dominators *dominators = search->dominators;
    memset(dominators->place, 0xFF, ((size_t)dominators->count + 1) * sizeof(uint32_t));
    bool good = enter(search, 0, 0);
    while (good && search->open.used) {
        Open *open = (Open *)search->open.data + search->open.used - 1;
        uint32_t target;
        if (!flow_next(search->flow, open->vertex, &open->cursor, &target))
            search->open.used--;
        else if (dominators->place[target] == NO_NODE)
            good = enter(search, target, dominators->place[open->vertex]);
    }
    row_free(dominators->memory, &search->open);
    return good;
}

/* ---- who refers to whom ---- */

static void
each_reference(Finding *search, void (*meet)(Finding *, uint32_t, uint32_t))
{
    const Dominators *dominators = search->dominators;
    for (uint32_t place = 0; place < dominators->reached; place++) {
        uint32_t vertex = dominators->vertex[place], target, cursor = flow_begin(search->flow, vertex);
        while (flow_next(search->flow, vertex, &cursor, &target))
            meet(search, place, dominators->place[target]);
    }
}

static void
count_source(Finding *search, uint32_t place, uint32_t target)
{
    (void)place;
    search->starts[target + 1]++;
    search->edges++;
}

static void
note_source(Finding *search, uint32_t place, uint32_t target)
{
    search->sources[--search->starts[target + 1]] = place;
}

/* starts[p + 1] is the first source of place p when all is noted, and starts[p + 2] its end. */
static bool
turn_around(Finding *search)
{
    Dominators *dominators = search->dominators;
    each_reference(search, count_source);
    for (uint32_t place = 0; place < dominators->reached; place++)
        search->starts[place + 1] += search->starts[place];
    search->sources = memory_map(dominators->memory, (search->edges + 1) * sizeof(uint32_t));
    if (search->sources == NULL)
        return false;
    each_reference(search, note_source);
    search->starts[dominators->reached + 1] = (uint32_t)search->edges;
    return true;
}

/* ---- semidominators ---- */

/* The place with the least semidominator on the way up from *place*, among those from *linked* on. */
static uint32_t
evaluate(Finding *search, uint32_t place, uint32_t linked, bool *good)
{
    uint32_t *parent = search->parent, *label = search->label, *semi = search->semi;
    if (parent[place] < linked)
        return label[place];
    search->open.used = 0;
    do {
        uint32_t *passed = row_add(search->dominators->memory, &search->open);
        if (passed == NULL) {
            *good = false;
            return place;
        }
        *passed = place;
        place = parent[place];
    } while (parent[place] >= linked);
    uint32_t above = place, best = label[place];
    while (search->open.used) {
        place = ((uint32_t *)search->open.data)[--search->open.used];
        parent[place] = parent[above];
        if (semi[best] < semi[label[place]])
            label[place] = best;
        else
            best = label[place];
        above = place;
    }
    return label[place];
}

static bool
find_semidominators(Finding *search)
{
    const Dominators *dominators = search->dominators;
    bool good = true;
    search->open = (Row){.stride = sizeof(uint32_t)};
    for (uint32_t place = 0; place < dominators->reached; place++) {
        search->semi[place] = search->label[place] = place;
        dominators->dominator[place] = search->parent[place];
    }
    for (uint32_t place = dominators->reached; good && place-- > 1;) {
        uint32_t least = search->parent[place];
        for (uint32_t source = search->starts[place + 1]; good && source < search->starts[place + 2]; source++) {
            uint32_t best = evaluate(search, search->sources[source], place + 1, &good);
            least = Py_MIN(least, search->semi[best]);
        }
        search->semi[place] = least;
    }
    row_free(dominators->memory, &search->open);
    return good;
}

static void
find_nearest(const Finding *search)
{
    uint32_t *dominator = search->dominators->dominator;
    for (uint32_t place = 1; place < search->dominators->reached; place++) {
        uint32_t found = dominator[place];
        while (found > search->semi[place])
            found = dominator[found];
        dominator[place] = found;
    }
}

bool
dominators_find(Dominators *dominators, const Flow *flow, Memory *memory)
{
    Finding search = {.dominators = dominators, .flow = flow, .open = {.stride = sizeof(Open)}};
    *dominators = (Dominators){.memory = memory, .count = flow->count};
    dominators->place = map_column(dominators, sizeof(uint32_t));
    dominators->vertex = map_column(dominators, sizeof(uint32_t));
    dominators->dominator = map_column(dominators, sizeof(uint32_t));
    search.parent = map_column(dominators, sizeof(uint32_t));
    size_t room = ((size_t)flow->count + 2) * sizeof(uint32_t);
    search.starts = memory_map(memory, room);
    bool good = dominators->place && dominators->vertex && dominators->dominator && search.parent && search.starts;
    good = good && walk(&search) && turn_around(&search);
    search.semi = good ? map_column(dominators, sizeof(uint32_t)) : NULL;
    search.label = good ? map_column(dominators, sizeof(uint32_t)) : NULL;
    good = good && search.semi && search.label && find_semidominators(&search);
    if (good)
        find_nearest(&search);
    unmap_column(dominators, search.parent, sizeof(uint32_t));
    unmap_column(dominators, search.semi, sizeof(uint32_t));
    unmap_column(dominators, search.label, sizeof(uint32_t));
    memory_unmap(memory, search.starts, room);
    memory_unmap(memory, search.sources, (search.edges + 1) * sizeof(uint32_t));
    return good;
}

/* ---- what is retained ---- */

bool
dominators_columns(Dominators *dominators)
{
    dominators->bytes = map_column(dominators, sizeof(uint64_t));
    dominators->objects = map_column(dominators, sizeof(uint32_t));
    return dominators->bytes && dominators->objects;
}

bool
dominators_retain(Dominators *dominators)
{
    dominators->first = map_column(dominators, sizeof(uint32_t));
    dominators->next = map_column(dominators, sizeof(uint32_t));
    if (dominators->first == NULL || dominators->next == NULL)
        return false;
    for (uint32_t place = dominators->reached; place-- > 1;) {
        uint32_t above = dominators->dominator[place];
        dominators->bytes[above] += dominators->bytes[place];
        dominators->objects[above] += dominators->objects[place];
        dominators->next[place] = dominators->first[above];
        dominators->first[above] = place;
    }
    return true;
}

void
dominators_free(Dominators *dominators)
{
    if (dominators->memory == NULL)
        return;
    unmap_column(dominators, dominators->place, sizeof(uint32_t));
    unmap_column(dominators, dominators->vertex, sizeof(uint32_t));
    unmap_column(dominators, dominators->dominator, sizeof(uint32_t));
    unmap_column(dominators, dominators->bytes, sizeof(uint64_t));
    unmap_column(dominators, dominators->objects, sizeof(uint32_t));
    unmap_column(dominators, dominators->first, sizeof(uint32_t));
    unmap_column(dominators, dominators->next, sizeof(uint32_t));
}
