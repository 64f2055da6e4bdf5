/* The walk of a search: breadth first, each object once. See search.h.
 *
 * An object that is met waits in a ring while its first line comes from memory, and is looked at in the order of
 * meeting: so what is nearer to a root stays before what is farther. What refers to nothing is counted and forgotten;
 * the rest becomes a node, in rows that are the queue and the tree of the walk at once.
 *
 * memwatch's own objects are set aside as they come up, and visited at the end: what only they hold is not counted. */
#include "search/search.h"

#include <string.h>

#define FETCH(address) __builtin_prefetch((const void *)(address))
#define AHEAD_OF_NODE 12

static bool
fail(Search *search)
{
    search->walk.failed = true;
    return false;
}

bool
search_begin(Search *search, State *state, const Pointers *own)
{
    search->labels.stride = sizeof(Label);
    search->roots.stride = sizeof(Root);
    search->deferred.stride = search->indirectly.stride = sizeof(Met);
    search->left.stride = sizeof(PyObject *);
    search->groups.stride = sizeof(Group);
    search->sums.stride = sizeof(Sum);
    search->chains.stride = sizeof(Chain);
    search->links.stride = sizeof(Step);
    if (!walk_begin(&search->walk, &state->memory, &state->measures, own, NULL))
        return false;
    search->walk.counting = true;
    search->blocks = pool_reserve(&state->memory, &search->pool, MOST_BLOCKS * sizeof(Block *));
    return search->blocks && marks_begin(&state->memory, &search->given) &&
           marks_begin(&state->memory, &search->indirect);
}

void
search_free_walk(Search *search)
{
    Memory *memory = search->walk.memory;
    if (memory == NULL)
        return;
    for (size_t block = 0; search->blocks && block < MOST_BLOCKS && search->blocks[block]; block++)
        memory_unmap(memory, search->blocks[block], sizeof(Block));
    search->blocks = NULL;
    pool_free(memory, &search->pool);
    marks_free(memory, &search->walk.marks);
    marks_free(memory, &search->given);
    marks_free(memory, &search->indirect);
    pointers_free(memory, &search->types);
    pointers_free(memory, &search->grown);
    pointers_free(memory, &search->late);
    pointers_free(memory, &search->group_of);
    row_free(memory, &search->deferred);
    row_free(memory, &search->indirectly);
    row_free(memory, &search->left);
    pointers_free(memory, &search->references);
}

void
search_free(Search *search)
{
    Memory *memory = search->walk.memory;
    if (memory == NULL)
        return;
    search_free_walk(search);
    pointers_free(memory, &search->counts);
    row_free(memory, &search->labels);
    row_free(memory, &search->roots);
    row_free(memory, &search->groups);
    row_free(memory, &search->sums);
    row_free(memory, &search->chains);
    row_free(memory, &search->links);
    memory_unmap(memory, search->sum_of, search->sums_room);
    walk_free(&search->walk);
}

/* ---- old or new ---- */

/* Whether the census of before is silent about *object*, so that it is taken for old. What is taken for old because of
 * its holder is a holder as old itself. */
static bool
is_assumed(Search *search, const Kind *kind, PyObject *object, uint32_t parent, bool inherits)
{
    if (PyTuple_CheckExact(object) && Py_SIZE(object) == 0)
        return true;
    bool old;
    if (parent & IS_ROOT) /* a census does not see the variables of running functions */
        old = label_at(search, parent)->kind == ROOT_FRAME && !is_tracked(kind, object);
    else {
        PyObject *holder = node_object(search, parent);
        if (search->only_in_grown && !(node_place(search, parent) & IS_GROUP) && !is_tracked(kind, object) &&
            !pointers_find(&search->grown, holder))
            return true;
        old = inherits && marks_has(&search->given, holder);
    }
    return old && (marks_add(search->walk.memory, &search->given, object) >= 0 || !fail(search));
}

static bool
is_new(Search *search, const Kind *kind, PyObject *object, uint32_t parent, bool inherits)
{
    if (search->silent)
        return false;
    if (search->mode == NEW_OF_TYPES)
        return pointers_find(&search->types, kind->type);
    if (search->mode == NEW_WANTED)
        return marks_has(&search->given, object);
    return !marks_has(&search->given, object) && !is_assumed(search, kind, object, parent, inherits);
}

/* ---- nodes ---- */

static bool
add_node(Search *search, PyObject *object, uint32_t parent, uint64_t place)
{
    size_t block = search->used / BLOCK_NODES, slot = search->used % BLOCK_NODES;
    if (block == MOST_BLOCKS)
        return fail(search);
    if (slot == 0 && (search->blocks[block] = memory_map(search->walk.memory, sizeof(Block))) == NULL)
        return fail(search);
    search->blocks[block]->objects[slot] = object;
    search->blocks[block]->places[slot] = place;
    search->blocks[block]->parents[slot] = parent;
    search->used++;
    return true;
}

static uint64_t
place_of_parent(const Search *search, uint32_t parent)
{
    if (parent & IS_ROOT)
        return ((uint64_t)root_at(search, parent)->label + 1) << 2;
    return node_place(search, parent);
}

bool
search_is_own(Search *search, const Kind *kind, PyObject *object)
{
    if (kind->flags & KIND_METHOD) {
        PyObject *self = PyMethod_GET_SELF(object);
        return self && pointers_find(search->walk.kinds.own, Py_TYPE(self));
    }
    return kind->flags & KIND_OWN;
}

/* Come to an object later, unless it is met elsewhere. */
static bool
defer(Search *search, Row *deferred, Met met)
{
    marks_remove(&search->walk.marks, met.object);
    Met *place = row_add(search->walk.memory, deferred);
    if (place)
        *place = met;
    return place || fail(search);
}

/* The same, once, for an old object below a new one. */
static bool
defer_indirect(Search *search, Met met)
{
    int is_first = marks_add(search->walk.memory, &search->indirect, met.object);
    if (is_first > 0)
        return defer(search, &search->indirectly, met);
    marks_remove(&search->walk.marks, met.object);
    return is_first == 0 || fail(search);
}

/* Look at an object that is met for the first time. What is old and held by old objects hangs there, although a way
 * through a new one may be shorter, as through a timer that is made again and again and leads to all that waits for it.
 */
static bool
look_at(Search *search, Met met)
{
    Kind *kind = kind_of(&search->walk, met.object);
    if (kind == NULL)
        return fail(search);
    if (!search->silent && kind->flags & (KIND_OWN | KIND_METHOD) && search_is_own(search, kind, met.object))
        return row_push(search->walk.memory, &search->walk.hiding, met.object) || fail(search);
    uint64_t place = place_of_parent(search, met.parent);
    bool leads_on = kind->flags & KIND_TRACKABLE || is_untracked_holder(search->array_type, kind->type);
    if (search->near)
        leads_on = leads_on && near_leads_on(search, kind, met);
    if (is_new(search, kind, met.object, met.parent, met.inherits)) {
        place = count_new(search, kind, met.object, met.parent, place);
        if (place == 0)
            return fail(search);
    } else if (!(place & IS_GROUP))
        place = place_below(place, met.object);
    else if (leads_on && search->mode == NEW_UNKNOWN && !search->silent && !search->all_else_is)
        return defer_indirect(search, met);
    search->walk.nodes++;
    return !leads_on || add_node(search, met.object, met.parent, place);
}

/* Whether *object* is what a library is known to keep, met where it keeps it. */
static bool
is_late(const Search *search, PyObject *object)
{
    const Pointer *entry = pointers_find(&search->late, object);
    return entry && (PyObject *)entry->number == node_object(search, search->from);
}

/* A visitproc: the node that is visited refers to *object*. */
static int
meet(PyObject *object, void *arg)
{
    Search *search = arg;
    if (object == NULL)
        return 0;
    if (search->near && near_passes_by(search, object))
        return search->enough ? -1 : 0;
    int is_first = marks_add(search->walk.memory, &search->walk.marks, object);
    if (is_first <= 0)
        return is_first < 0 ? (fail(search), -1) : 0;
    Met met = {object, search->from, search->inherits};
    if (search->late.used && !search->all_else_is && is_late(search, object))
        return defer(search, &search->deferred, met) ? 0 : -1;
    FETCH((char *)object - sizeof(GCHead));
    FETCH((char *)object + 40);
    Met *place = &search->waiting[search->waiting_at++ % WAITING], waited = *place;
    *place = met;
    return waited.object == NULL || look_at(search, waited) ? 0 : -1;
}

static bool
drain(Search *search)
{
    for (unsigned turn = 0; turn < WAITING && !search->walk.failed; turn++) {
        Met *place = &search->waiting[search->waiting_at++ % WAITING], waited = *place;
        place->object = NULL;
        if (waited.object)
            look_at(search, waited);
    }
    return !search->walk.failed;
}

/* ---- visiting ---- */

void
search_follow(Search *search, PyObject *object, visitproc visit)
{
    Kind *kind = kind_of(&search->walk, object);
    if (kind == NULL) {
        fail(search);
        return;
    }
    bool is_untracked = is_untracked_holder(search->array_type, kind->type);
    if (kind->flags & KIND_TRACKABLE)
        follow(&search->walk, kind, object, visit);
    if (is_untracked) {
        search->inherits = true;
        follow_hollow(object, visit, search);
        search->inherits = false;
    }
}

/* Bring what is visited soon after *node*: first the objects, then what they point at. */
void
search_fetch(const Search *search, size_t node)
{
    if (node + AHEAD_OF_NODE < search->used) {
        PyObject *object = node_object(search, node + AHEAD_OF_NODE);
        FETCH(object);
        FETCH((char *)object + 40);
    }
    if (node + AHEAD_OF_NODE / 2 >= search->used)
        return;
    PyObject *object = node_object(search, node + AHEAD_OF_NODE / 2);
    FETCH(Py_TYPE(object));
    if (PyDict_CheckExact(object)) {
        FETCH(((PyDictObject *)object)->ma_keys);
        FETCH((char *)((PyDictObject *)object)->ma_keys + 64);
    } else if (PyList_CheckExact(object))
        FETCH(((PyListObject *)object)->ob_item);
}

bool
search_run(Search *search)
{
    do {
        while (search->next < search->used && !search->walk.failed && !search->enough) {
            search_fetch(search, search->next);
            search->from = (uint32_t)search->next++;
            PyObject *object = node_object(search, search->from);
            if (search->near)
                near_follow(search, object, meet);
            else
                search_follow(search, object, meet);
            if (search->near)
                search->enough = search->enough || search->walk.nodes > search->most;
        }
    } while (drain(search) && search->next < search->used && !search->enough);
    return !search->walk.failed;
}

/* ---- roots ---- */

bool
search_label(Search *search, Label label)
{
    Label *place = row_add(search->walk.memory, &search->labels);
    if (place == NULL)
        return fail(search);
    *place = label;
    return true;
}

bool
search_root(Search *search, PyObject *object, int32_t variable)
{
    if (object == NULL)
        return true;
    Root *root = row_add(search->walk.memory, &search->roots);
    if (root == NULL)
        return fail(search);
    *root = (Root){object, (uint32_t)search->labels.used - 1, variable};
    int is_first = marks_add(search->walk.memory, &search->walk.marks, object);
    if (is_first < 0)
        return fail(search);
    return !is_first || look_at(search, (Met){object, IS_ROOT | (uint32_t)(search->roots.used - 1), false});
}

static bool
visit_deferred(Search *search, const Row *deferred)
{
    for (size_t place = 0; place < deferred->used; place++) {
        Met met = ((Met *)deferred->data)[place];
        int is_first = marks_add(search->walk.memory, &search->walk.marks, met.object);
        if (is_first < 0 || (is_first && !look_at(search, met)))
            return fail(search);
    }
    return search_run(search);
}

bool
search_late(Search *search)
{
    search->all_else_is = true;
    return visit_deferred(search, &search->indirectly) && visit_deferred(search, &search->deferred);
}

bool
search_own(Search *search)
{
    bool good = search_label(search, (Label){.kind = ROOT_OWN});
    uint32_t root = IS_ROOT | (uint32_t)search->roots.used;
    search->silent = true;
    good = good && search_root(search, Py_None, NO_VARIABLE);
    for (size_t slot = 0; good && !search->own_entered && slot < search->walk.hidden.room; slot++)
        if (search->walk.hidden.slots[slot].pointer)
            good = look_at(search, (Met){(PyObject *)search->walk.hidden.slots[slot].pointer, root, false});
    search->own_entered = true;
    for (size_t place = 0; good && place < search->walk.hiding.used; place++)
        good = look_at(search, (Met){((PyObject **)search->walk.hiding.data)[place], root, false});
    search->walk.hiding.used = 0;
    good = good && search_run(search) && search_threads(search, true) && search_run(search);
    search->silent = false;
    return good;
}
