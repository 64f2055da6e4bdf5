/* Taking memwatch itself out of the picture.
 *
 * An instance of an own class is recognised when it comes up, and neither counted nor followed. But what it holds may
 * have been visited before it: a list stands in the collector's ring by itself, and leads to its items. So when the
 * walk is over, what hangs on own instances is looked for and taken out of the totals again:
 *
 * - the containers and locks that they refer to themselves (parts_of in backend/census/exclude.py says which);
 * - what no one but those refers to: an untracked object all of whose references are theirs. The references are counted
 *   as they are found; when there are as many as the object has, it hangs too, and what it refers to comes next.
 *
 * This costs what memwatch holds, not what the program does. */
#include "census/walk.h"

bool
hide(Walk *walk, PyObject *object)
{
    return pointers_enter(walk->memory, &walk->hidden, object) && row_push(walk->memory, &walk->hiding, object);
}

static bool
was_counted(Walk *walk, const Kind *kind, PyObject *object)
{
    if (pointers_find(&walk->hidden, object))
        return false;
    return is_tracked(kind, object) || (walk->deep && marks_has(&walk->marks, object));
}

/* Take *object* out of its type's totals, and hide it. A Later of it is passed over because it is hidden. */
static int
take_out(Walk *walk, Kind *kind, PyObject *object)
{
    walk->nodes--;
    kind->count--;
    if (walk->counting)
        kind->bytes -= (uint64_t)size_unasked(kind, object);
    if (hide(walk, object))
        return 0;
    walk->failed = true;
    return -1;
}

/* A visitproc: one reference to *object* comes from what hangs. */
static int
count_reference(PyObject *object, void *arg)
{
    Walk *walk = arg;
    Kind *kind = object ? kind_of(walk, object) : NULL;
    if (kind == NULL || IS_IMMORTAL(object) || is_tracked(kind, object) || !was_counted(walk, kind, object))
        return 0;
    Pointer *entry = pointers_enter(walk->memory, &walk->references, object);
    if (entry == NULL) {
        walk->failed = true;
        return -1;
    }
    return ++entry->number == Py_REFCNT(object) ? take_out(walk, kind, object) : 0;
}

/* A visitproc: an own instance refers to *object*. */
static int
hide_part(PyObject *object, void *arg)
{
    Walk *walk = arg;
    Kind *kind = object ? kind_of(walk, object) : NULL;
    if (kind == NULL)
        return 0;
    if (!(kind->flags & KIND_PART) || (PyTuple_CheckExact(object) && PyTuple_GET_SIZE(object) == 0))
        return walk->deep ? count_reference(object, arg) : 0;
    if (was_counted(walk, kind, object))
        return take_out(walk, kind, object);
    if (pointers_find(&walk->hidden, object) || hide(walk, object))
        return 0;
    walk->failed = true;
    return -1;
}

bool
hide_what_hangs(Walk *walk)
{
    for (size_t place = 0; place < walk->hiding.used && !walk->failed; place++) {
        PyObject *object = ((PyObject **)walk->hiding.data)[place];
        const Kind *kind = kind_of(walk, object);
        if (kind == NULL)
            return false;
        if (kind->flags & KIND_OWN)
            follow(walk, kind, object, hide_part);
        else if (walk->deep && !(kind->flags & KIND_METHOD) && is_container(kind, object))
            follow(walk, kind, object, count_reference);
    }
    for (size_t slot = 0; walk->marking && slot < walk->hidden.room; slot++)
        if (walk->hidden.slots[slot].pointer)
            marks_remove(&walk->marks, walk->hidden.slots[slot].pointer);
    return !walk->failed;
}
