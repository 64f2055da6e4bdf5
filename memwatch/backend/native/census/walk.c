/* The walk: once along the collector's lists, and from there along references.
 *
 * The objects that the collector tracks hang in four rings: three generations, and what gc.freeze() put aside. A ring
 * is gone along from both ends at once, because each step waits for memory, and two waits cost what one does. A deep
 * walk counts and follows each listed object where it comes along, exactly once. What is met by reference is looked at
 * when it is met first: a tracked object has its turn in its list, anything else is counted here, and a container that
 * is not tracked is followed on the spot, or where that would nest too deep from a stack.
 *
 * Most of the time would go into waiting for memory. So objects are not looked at as they are met: they wait in a
 * ring buffer while a prefetch brings their first line, and listed objects while one brings what they point at.
 *
 * Static types are no containers for the collector; their namespaces are followed nevertheless. Each type is visited
 * when an object of it comes up for the first time. */
#include "census/walk.h"

#include <string.h>

#define FETCH(address) __builtin_prefetch((const void *)(address))

static bool
fail(Walk *walk)
{
    walk->failed = true;
    return false;
}

bool
walk_begin(Walk *walk, Memory *memory, const Measures *measures, const Pointers *own, const Pointers *parts)
{
    memset(walk, 0, sizeof(*walk));
    walk->memory = memory;
    walk->stack.stride = sizeof(PyObject *);
    walk->later.stride = sizeof(Later);
    walk->hiding.stride = sizeof(PyObject *);
    walk->kinds.measures = measures;
    walk->kinds.own = own;
    walk->kinds.parts = parts;
    return marks_begin(memory, &walk->marks) && kinds_begin(memory, &walk->kinds);
}

void
walk_free(Walk *walk)
{
    pointers_free(walk->memory, &walk->references);
    pointers_free(walk->memory, &walk->large);
    pointers_free(walk->memory, &walk->hidden);
    row_free(walk->memory, &walk->later);
    row_free(walk->memory, &walk->hiding);
    row_free(walk->memory, &walk->stack);
    kinds_free(walk->memory, &walk->kinds);
    marks_free(walk->memory, &walk->marks);
}

bool
walk_leave_out(Walk *walk, PyObject *object)
{
    bool marked = !walk->marking || marks_add(walk->memory, &walk->marks, object) >= 0;
    return (marked && pointers_enter(walk->memory, &walk->hidden, object)) || fail(walk);
}

/* ---- counting ---- */

static int meet(PyObject *object, void *arg);

static void
note_large(Walk *walk, PyObject *object, Py_ssize_t bytes)
{
    Pointer *entry = pointers_enter(walk->memory, &walk->large, object);
    if (entry == NULL)
        fail(walk);
    else
        entry->number = bytes;
}

/* Enter *object*, in its type's totals. */
static void
enter(Walk *walk, Kind *kind, PyObject *object)
{
    walk->nodes++;
    kind->count++;
    if (!walk->counting)
        return;
    Py_ssize_t bytes = size_unasked(kind, object);
    kind->bytes += (uint64_t)bytes;
    if (kind->rule == SIZE_MEASURED) {
        Later *later = row_add(walk->memory, &walk->later);
        if (later == NULL)
            fail(walk);
        else
            *later = (Later){.object = object, .counted = (uint64_t)bytes};
    } else if (bytes >= LARGE && walk->noting && grows(kind))
        note_large(walk, object, bytes);
}

/* The record of *object*'s type; the type itself is met with the first of its objects. NULL without memory. */
static Kind *
kind_met(Walk *walk, PyObject *object)
{
    Kind *kind = kinds_find(&walk->kinds, Py_TYPE(object));
    if (kind)
        return kind;
    if (walk->types && meet((PyObject *)Py_TYPE(object), walk) < 0)
        return NULL;
    kind = kind_of(walk, object);
    if (kind == NULL)
        fail(walk);
    return kind;
}

/* Whether *object* is memwatch's own, or a method bound to such a one; it is hidden then. */
static bool
is_own(Walk *walk, const Kind *kind, PyObject *object)
{
    bool own = kind->flags & KIND_OWN;
    if (kind->flags & KIND_METHOD) {
        PyObject *self = PyMethod_GET_SELF(object);
        own = self && pointers_find(walk->kinds.own, Py_TYPE(self));
    }
    if (own && !hide(walk, object))
        fail(walk);
    return own;
}

/* Look at *object*, met for the first time and by reference. One that is tracked has its turn in its list. */
static void
look_at(Walk *walk, PyObject *object)
{
    Kind *kind = kind_met(walk, object);
    if (kind == NULL)
        return;
    bool follows = kind->flags & (KIND_TRACKABLE | KIND_HOLLOW); /* a static type too, with its namespace */
    if (follows && !walk->alone && is_tracked(kind, object))
        return;
    if (kind->flags & (KIND_OWN | KIND_METHOD) && is_own(walk, kind, object))
        return;
    enter(walk, kind, object);
    if (!follows)
        return;
    if (walk->depth < DEPTH) {
        walk->depth++;
        follow(walk, kind_of(walk, object), object, meet);
        walk->depth--;
    } else if (!row_push(walk->memory, &walk->stack, object))
        fail(walk);
}

/* A visitproc: *object* is referred to. It waits in the ring if it is new; the one that waited longest is looked at by
 * whoever drains the stack. */
static int
meet(PyObject *object, void *arg)
{
    Walk *walk = arg;
    if (object == NULL)
        return 0;
    int is_new = marks_add(walk->memory, &walk->marks, object);
    if (is_new <= 0)
        return is_new < 0 ? (fail(walk), -1) : 0;
    FETCH((char *)object - sizeof(GCHead));
    FETCH((char *)object + 40);
    PyObject **place = &walk->ring[walk->ring_at % RING], *waited = *place;
    PyObject *halfway = walk->ring[(walk->ring_at + RING / 2) % RING];
    *place = object;
    walk->ring_at++;
    if (halfway && Py_IS_TYPE(halfway, &PyDict_Type))
        FETCH(((PyDictObject *)halfway)->ma_keys);
    if (waited)
        look_at(walk, waited);
    return walk->failed ? -1 : 0;
}

/* Follow the untracked containers on the stack until there are none, and none in the ring. */
static void
drain(Walk *walk, bool to_the_end)
{
    for (;;) {
        while (walk->stack.used && !walk->failed) {
            PyObject *object = ((PyObject **)walk->stack.data)[--walk->stack.used];
            follow(walk, kind_of(walk, object), object, meet);
        }
        if (!to_the_end || walk->failed)
            return;
        bool was_empty = true;
        for (unsigned place = 0; place < RING; place++) {
            PyObject *waited = walk->ring[place];
            walk->ring[place] = NULL;
            if (waited) {
                was_empty = false;
                look_at(walk, waited);
            }
        }
        if (was_empty && walk->stack.used == 0)
            return;
    }
}

/* ---- the collector's lists ---- */

/* Bring what *object* points at, whose own first line is there. */
static void
fetch_parts(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    FETCH(type);
    if (type == &PyDict_Type) {
        FETCH(((PyDictObject *)object)->ma_keys);
        FETCH((char *)((PyDictObject *)object)->ma_keys + 64);
    } else if (type == &PyList_Type)
        FETCH(((PyListObject *)object)->ob_item);
    else
        FETCH((char *)object + 48);
}

/* A tracked object comes along in its list. */
static void
visit_listed(Walk *walk, PyObject *object)
{
    int is_new = walk->marking ? marks_add(walk->memory, &walk->marks, object) : 1;
    if (is_new < 0 || walk->failed) {
        fail(walk);
        return;
    }
    if ((!is_new || !walk->marking) && pointers_find(&walk->hidden, object))
        return;
    Kind *kind = kind_met(walk, object);
    if (kind == NULL || (kind->flags & (KIND_OWN | KIND_METHOD) && is_own(walk, kind, object)))
        return;
    enter(walk, kind, object);
    if (walk->deep) {
        follow(walk, kind, object, meet);
        drain(walk, false);
    }
}

typedef struct {
    PyObject *waiting[AHEAD];
    unsigned at;
} Queue;

/* An object comes along: its lines are fetched, a little later what it points at, and after the same time once more it
 * is visited. */
static inline void
pass_on(Walk *walk, Queue *queue, GCHead *link)
{
    PyObject *object = OBJECT_OF(link);
    if (!walk->deep) {
        visit_listed(walk, object);
        return;
    }
    FETCH((char *)object + 40);
    PyObject **place = &queue->waiting[queue->at % AHEAD], *waited = *place;
    PyObject *halfway = queue->waiting[(queue->at + AHEAD / 2) % AHEAD];
    *place = object;
    queue->at++;
    if (halfway)
        fetch_parts(halfway);
    if (waited)
        visit_listed(walk, waited);
}

static void
walk_ring(Walk *walk, Queue *queue, GCHead *head)
{
    GCHead *front = (GCHead *)head->next, *back = (GCHead *)(head->prev & ~PREV_FLAGS);
    while (front != head && !walk->failed) {
        GCHead *next = (GCHead *)front->next, *before = (GCHead *)(back->prev & ~PREV_FLAGS);
        FETCH(next);
        FETCH(before);
        pass_on(walk, queue, front);
        if (front == back)
            return;
        pass_on(walk, queue, back);
        if (next == back)
            return;
        front = next;
        back = before;
    }
}

bool
walk_run(Walk *walk, const GCState *collector)
{
    Queue queue = {.at = 0};
    GCHead *heads[] = {&collector->generations[0].head, &collector->generations[1].head,
                       &collector->generations[2].head, &collector->behind->permanent.head};
    for (size_t ring = 0; ring < Py_ARRAY_LENGTH(heads); ring++)
        walk_ring(walk, &queue, heads[ring]);
    for (unsigned place = 0; place < AHEAD; place++)
        if (queue.waiting[(queue.at + place) % AHEAD])
            visit_listed(walk, queue.waiting[(queue.at + place) % AHEAD]);
    drain(walk, true);
    return !walk->failed && (hide_what_hangs(walk) || fail(walk));
}

bool
walk_from(Walk *walk, PyObject *root)
{
    walk->alone = true;
    if (meet(root, walk) < 0)
        return false;
    do {
        drain(walk, true);
    } while (walk->stack.used && !walk->failed);
    return !walk->failed;
}
