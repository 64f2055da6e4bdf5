/* What the collector tracks and no root leads to. See search.h.
 *
 * Of these objects, those that have more references than all of them together show are held by C code: lists of
 * callbacks inside the interpreter, what a running C function works on, or a reference that was lost; and with them
 * what they lead to. The others are garbage that the collector has not come to yet, as it would find itself. What no
 * other one of them refers to is walked first, then the cycles, each by itself: objects of the program's classes first,
 * then classes, so that a cycle is told from where a reader knows it.
 *
 * A tuple with one owner may be one that a C function is still filling: it is no root, for it must not be shown; what
 * it holds hangs on it only if something is seen to hold the tuple. */
#include "search/search.h"

#include <string.h>

static bool
is_lone_tuple(PyObject *object)
{
    return PyTuple_CheckExact(object) && Py_REFCNT(object) == 1;
}

static bool
take(Search *search, PyObject *object)
{
    Kind *kind = kind_of(&search->walk, object);
    if (kind == NULL)
        return false;
    if (kind->flags & (KIND_OWN | KIND_METHOD) && search_is_own(search, kind, object)) {
        int is_first = marks_add(search->walk.memory, &search->walk.marks, object);
        return is_first >= 0 && row_push(search->walk.memory, &search->walk.hiding, object);
    }
    return row_push(search->walk.memory, &search->left, object);
}

static bool
look(Search *search, GCHead *link)
{
    PyObject *object = OBJECT_OF(link);
    if (marks_has(&search->walk.marks, object) || Py_REFCNT(object) <= 0)
        return true;
    return take(search, object);
}

/* Go along a ring from both ends at once, because each step waits for memory. */
static bool
collect(Search *search, GCHead *head)
{
    GCHead *front = (GCHead *)head->next, *back = (GCHead *)(head->prev & ~PREV_FLAGS);
    while (front != head) {
        GCHead *next = (GCHead *)front->next, *before = (GCHead *)(back->prev & ~PREV_FLAGS);
        __builtin_prefetch(next);
        __builtin_prefetch(before);
        if (!look(search, front) || (front != back && !look(search, back)))
            return false;
        if (front == back || next == back)
            return true;
        front = next;
        back = before;
    }
    return true;
}

static int
mark_below(PyObject *object, void *arg)
{
    Search *search = arg;
    PyObject *self = ((PyObject **)search->left.data)[search->from];
    if (object == NULL || object == self)
        return 0;
    if (marks_add(search->walk.memory, &search->given, object) >= 0)
        return 0;
    search->walk.failed = true;
    return -1;
}

/* Mark what the objects left refer to, in *below*, which stands in for the given set meanwhile. */
static bool
find_below(Search *search, Marks *below)
{
    if (!marks_begin(search->walk.memory, below))
        return false;
    Marks given = search->given;
    search->given = *below;
    size_t before = 0, followed = 0;
    do {
        before = followed;
        followed = 0;
        for (size_t place = 0; place < search->left.used && !search->walk.failed; place++) {
            PyObject *object = ((PyObject **)search->left.data)[place];
            if (is_lone_tuple(object) && !marks_has(&search->given, object))
                continue;
            followed++;
            search->from = (uint32_t)place;
            search_follow(search, object, mark_below);
        }
    } while (followed != before && !search->walk.failed);
    *below = search->given;
    search->given = given;
    return !search->walk.failed;
}

/* ---- held in C, or by nothing ---- */

#define HELD (-1)

static int
subtract(PyObject *object, void *arg)
{
    Search *search = arg;
    Pointer *entry = object ? pointers_find(&search->references, object) : NULL;
    if (entry)
        entry->number--;
    return 0;
}

static int
mark_held(PyObject *object, void *arg)
{
    Search *search = arg;
    Pointer *entry = object ? pointers_find(&search->references, object) : NULL;
    if (entry == NULL || entry->number == HELD)
        return 0;
    entry->number = HELD;
    if (row_push(search->walk.memory, &search->walk.stack, object))
        return 0;
    search->walk.failed = true;
    return -1;
}

/* Count for each of the objects left the references that none of them shows, and mark what is held by such a one. */
static bool
find_held(Search *search)
{
    PyObject **left = (PyObject **)search->left.data;
    for (size_t place = 0; place < search->left.used; place++) {
        Pointer *entry = pointers_enter(search->walk.memory, &search->references, left[place]);
        if (entry == NULL)
            return false;
        entry->number = Py_REFCNT(left[place]);
    }
    for (size_t place = 0; place < search->left.used && !search->walk.failed; place++)
        search_follow(search, left[place], subtract);
    for (size_t place = 0; place < search->left.used && !search->walk.failed; place++) {
        if (pointers_find(&search->references, left[place])->number > 0)
            mark_held(left[place], search);
        while (search->walk.stack.used && !search->walk.failed)
            search_follow(search, ((PyObject **)search->walk.stack.data)[--search->walk.stack.used], mark_held);
    }
    return !search->walk.failed;
}

static bool
is_held(const Search *search, PyObject *object)
{
    return pointers_find(&search->references, object)->number == HELD;
}

/* ---- the walks ---- */

static bool
enter_left(Search *search, PyObject *object, bool *entered)
{
    *entered = !marks_has(&search->walk.marks, object) && !is_lone_tuple(object);
    return !*entered || search_root(search, object, NO_VARIABLE);
}

typedef enum { OF_PROGRAM, A_CLASS, ANY_OTHER } Reader; /* what a reader knows best comes first */

static Reader
reader_of(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE || (type->tp_name && strchr(type->tp_name, '.')))
        return OF_PROGRAM;
    return PyType_Check(object) ? A_CLASS : ANY_OTHER;
}

static bool
walk_cycles(Search *search, bool held, Reader reader)
{
    for (size_t place = 0; place < search->left.used; place++) {
        PyObject *object = ((PyObject **)search->left.data)[place];
        bool entered = false, meant = is_held(search, object) == held && reader_of(object) == reader;
        if (meant && !enter_left(search, object, &entered))
            return false;
        if (entered && !search_run(search))
            return false;
    }
    return true;
}

/* What nothing below leads to, then cycles. */
static bool
walk_left(Search *search, const Marks *below, bool held)
{
    bool good = search_label(search, (Label){.kind = held ? ROOT_C : ROOT_NOTHING}), entered;
    for (size_t place = 0; good && place < search->left.used; place++) {
        PyObject *object = ((PyObject **)search->left.data)[place];
        if (!marks_has(below, object) && is_held(search, object) == held)
            good = enter_left(search, object, &entered);
    }
    return good && search_run(search) && walk_cycles(search, held, OF_PROGRAM) && walk_cycles(search, held, A_CLASS) &&
           walk_cycles(search, held, ANY_OTHER);
}

bool
search_unreached(Search *search, const GCState *collector)
{
    GCHead *heads[] = {&collector->behind->permanent.head, &collector->generations[2].head,
                       &collector->generations[1].head, &collector->generations[0].head};
    Marks below = {0};
    bool good = true;
    for (size_t ring = 0; good && ring < Py_ARRAY_LENGTH(heads); ring++)
        good = collect(search, heads[ring]);
    good = good && search_own(search) && find_below(search, &below) && find_held(search);
    good = good && walk_left(search, &below, true) && walk_left(search, &below, false);
    marks_free(search->walk.memory, &below);
    search->walk.failed |= !good;
    return good;
}
