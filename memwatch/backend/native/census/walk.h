/* One walk over the heap: what is asked for, what was found, and the parts that it is made of.
 *
 * The GIL is held from walk_run() to the end of what the caller makes of its result, and no code of the program runs
 * before: so nothing comes, goes or moves meanwhile, and pointers need no reference. */
#ifndef MEMWATCH_WALK_H
#define MEMWATCH_WALK_H

#include "census/kinds.h"
#include "core/marks.h"
#include "census/sizes.h"
#include "census/version.h"

#define RING 16  /* objects between being met and being looked at: their memory is on its way */
#define AHEAD 16 /* the same for objects of the collector's lists */
#define LARGE 1024
#define DEPTH 8  /* untracked containers followed one inside the other */

/* An object whose C method tells its size when the walk is over, its bytes as counted until then, and its row in a
 * listing. */
typedef struct {
    PyObject *object;
    uint64_t counted;
    size_t row;
} Later;

typedef struct {
    bool deep;     /* follow references, or visit the tracked objects alone */
    bool alone;    /* without the collector's lists */
    bool types;    /* follow an object to its type as well */
    bool marking;  /* note which objects were met; always where it is deep */
    bool counting; /* add up bytes */
    bool noting;   /* which containers are large */
    bool failed;   /* out of memory: the rest of the walk is idle */
    Memory *memory;
    Marks marks;
    Kinds kinds;
    Row stack;       /* PyObject *: untracked containers to follow */
    Row later;       /* Later */
    Pointers hidden; /* objects that are not counted and not followed */
    Pointers large;  /* containers that grow, of LARGE bytes and more, and their bytes; where these are added up */
    Row hiding;      /* PyObject *: those of them that were found to be memwatch's own */
    Pointers references; /* to objects that may hang on those alone, counted */
    PyObject *ring[RING];
    unsigned ring_at;
    unsigned depth;
    size_t nodes;
} Walk;

bool walk_begin(Walk *walk, Memory *memory, const Measures *measures, const Pointers *own, const Pointers *parts);
void walk_free(Walk *walk);

/* Visit the heap, memwatch's own part left out; false without memory. */
bool walk_run(Walk *walk, const GCState *collector);

/* Visit what is reachable from *root*; false without memory. */
bool walk_from(Walk *walk, PyObject *root);

/* follow.c: call *visit* (a visitproc that takes the walk) with everything that *object* refers to. */
void follow(Walk *walk, const Kind *kind, PyObject *object, visitproc visit);

/* Neither count *object* nor follow it; before the walk. */
bool walk_leave_out(Walk *walk, PyObject *object);

/* exclude.c: hide one that is memwatch's own; and at the end what hangs on those alone, counted or not. */
bool hide(Walk *walk, PyObject *object);
bool hide_what_hangs(Walk *walk);

static inline Kind *
kinds_of(Walk *walk, PyTypeObject *type)
{
    Kind *kind = kinds_find(&walk->kinds, type);
    return kind ? kind : kinds_enter(walk->memory, &walk->kinds, type);
}

static inline Kind *
kind_of(Walk *walk, PyObject *object)
{
    return kinds_of(walk, Py_TYPE(object));
}

/* Whether objects of this kind take more memory as they hold more. */
static inline bool
grows(const Kind *kind)
{
    return kind->rule == SIZE_LIST || kind->rule == SIZE_DICT || kind->rule == SIZE_SET ||
           kind->rule == SIZE_BYTEARRAY || kind->rule == SIZE_TEXT_STREAM;
}

/* Whether the collector can ask *object* what it refers to. */
static inline bool
is_container(const Kind *kind, PyObject *object)
{
    return kind->flags & KIND_TRACKABLE && (!(kind->flags & KIND_ASK) || kind->type->tp_is_gc(object));
}

static inline bool
is_tracked(const Kind *kind, PyObject *object)
{
    return is_container(kind, object) && HEAD_OF(object)->next != 0;
}

#endif
