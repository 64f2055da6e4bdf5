/* Other ways to an object that the walk has found already. See search.h.
 *
 * The walk keeps one way to each object, the shortest. When it is over, every node is followed once more, and each
 * reference to one of the objects on that way is noted: it makes another way, which comes from its own root and joins
 * there. A way that would pass an object twice is none. Modules and classes are not looked at, for everything refers
 * to them, and that says nothing of who holds what.
 *
 * Where the last object is a new list, tuple, dict or set that is put around each object, ways to that object are
 * looked for: others may hold it without such a wrapping. */
#include "search/search.h"

#define WATCHED 64  /* objects at the end of the way */
#define NOTED 256   /* references to each of them */

typedef struct {
    uint32_t parent;
    uint32_t joins; /* where, on the first way */
} Branch;

typedef struct Watch {
    Pointers places;   /* of the objects watched, from 1 on */
    uint32_t noted[WATCHED];
    Row branches;      /* Branch */
    uint32_t from;
    Chain chain;
    PyObject *inner;            /* in the last object of the way */
    PyObject *objects[WATCHED]; /* the watched ones */
    uint32_t parents[WATCHED];  /* on the first way */
    size_t count;
} Watch;

static int
note(Search *search, Watch *watch, PyObject *object)
{
    Pointer *entry = object ? pointers_find(&watch->places, object) : NULL;
    if (entry == NULL)
        return 0;
    uint32_t place = (uint32_t)entry->number - 1;
    if (watch->from == watch->parents[place] || watch->noted[place] == NOTED)
        return 0;
    Branch *branch = row_add(search->walk.memory, &watch->branches);
    if (branch == NULL) {
        search->walk.failed = true;
        return -1;
    }
    *branch = (Branch){.parent = watch->from, .joins = place};
    watch->noted[place]++;
    return 0;
}

/* A visitproc: a node that is followed once more refers to *object*. The search points to the watch for that time. */
static int
note_reference(PyObject *object, void *arg)
{
    Search *search = arg;
    return note(search, search->watch, object);
}

static bool
may_be_watched(const Search *search, uint32_t node)
{
    PyObject *object = node_object(search, node);
    uint32_t parent = node_parent(search, node);
    if (PyModule_Check(object) || PyType_Check(object))
        return false;
    return parent & IS_ROOT || !PyModule_Check(node_object(search, parent));
}

/* A visitproc: takes an object that is new, of a class that Python code has made. */
static int
take_inner(PyObject *object, void *arg)
{
    Search *search = arg;
    if (object && Py_TYPE(object)->tp_flags & Py_TPFLAGS_HEAPTYPE && !PyType_Check(object) &&
        !marks_has(&search->given, object))
        search->watch->inner = object;
    return 0;
}

static bool
wraps(PyObject *object)
{
    return PyList_CheckExact(object) || PyTuple_CheckExact(object) || PyDict_CheckExact(object) ||
           PySet_CheckExact(object);
}

static bool
watch_one(Search *search, Watch *watch, PyObject *object, uint32_t parent)
{
    Pointer *entry = pointers_enter(search->walk.memory, &watch->places, object);
    if (entry == NULL)
        return false;
    watch->objects[watch->count] = object;
    watch->parents[watch->count] = parent;
    entry->number = (Py_ssize_t)++watch->count;
    return true;
}

/* Watch what is wrapped by the last object of the chain, if anything is: the chain leads to that then. */
static bool
watch_inner(Search *search, Watch *watch)
{
    PyObject *last = watch->chain.last;
    if (search->mode != NEW_UNKNOWN || !wraps(last))
        return true;
    search->watch = watch;
    search_follow(search, last, take_inner);
    search->watch = NULL;
    size_t node = search->used;
    while (watch->inner && node-- > 0)
        if (node_object(search, node) == last) {
            watch->chain.last = watch->inner;
            return watch_one(search, watch, watch->inner, (uint32_t)node);
        }
    return true;
}

/* Watch the last object of the chain, and those before it up to a module or class. */
static bool
watch_chain(Search *search, Watch *watch, uint32_t parent)
{
    PyObject *object = watch->chain.last;
    if (!watch_inner(search, watch))
        return false;
    while (object && watch->count < WATCHED) {
        if (!watch_one(search, watch, object, parent))
            return false;
        bool goes_on = !(parent & IS_ROOT) && may_be_watched(search, parent);
        object = goes_on ? node_object(search, parent) : NULL;
        parent = goes_on ? node_parent(search, parent) : parent;
    }
    return true;
}

static bool
note_all(Search *search, Watch *watch)
{
    search->watch = watch;
    for (size_t place = 0; place < search->roots.used; place++) {
        watch->from = IS_ROOT | (uint32_t)place;
        if (note(search, watch, root_at(search, watch->from)->object) < 0)
            return false;
    }
    for (size_t node = 0; node < search->used && !search->walk.failed; node++) {
        watch->from = (uint32_t)node;
        search_fetch(search, node);
        search_follow(search, node_object(search, node), note_reference);
    }
    search->watch = NULL;
    return !search->walk.failed;
}

/* Lower is better: modules before variables before the rest, then shorter ones; UINT64_MAX is no way at all. */
static uint64_t
rank_of(const Search *search, const Watch *watch, const Branch *branch)
{
    uint64_t length = branch->joins;
    uint32_t parent = branch->parent;
    for (; !(parent & IS_ROOT); parent = node_parent(search, parent), length++) {
        const Pointer *met = pointers_find(&watch->places, node_object(search, parent));
        if (met && (uint32_t)met->number - 1 <= branch->joins)
            return UINT64_MAX;
    }
    RootKind kind = label_at(search, parent)->kind;
    if (kind == ROOT_OWN)
        return UINT64_MAX;
    return (uint64_t)kind << 48 | length;
}

/* The branches that are ways, the best first; false without memory. */
static bool
rank_all(const Search *search, const Watch *watch, Row *ranked)
{
    const Branch *branches = (Branch *)watch->branches.data;
    for (size_t place = 0; place < watch->branches.used; place++) {
        uint64_t rank = rank_of(search, watch, &branches[place]);
        Ranked *added = rank == UINT64_MAX ? NULL : row_add(search->walk.memory, ranked);
        if (added)
            *added = (Ranked){UINT64_MAX - rank, (uint32_t)place};
        else if (rank != UINT64_MAX)
            return false;
    }
    ranked_sort((Ranked *)ranked->data, ranked->used);
    return true;
}

static bool
add_branch(Search *search, const Watch *watch, const Branch *branch)
{
    Step tail[WATCHED];
    size_t length = 0;
    for (uint32_t place = branch->joins; place > 0; place--)
        tail[length++] = (Step){(uintptr_t)watch->objects[place], (uintptr_t)Py_TYPE(watch->objects[place])};
    return chain_add(search, watch->chain, branch->parent, tail, length);
}

bool
branches_fill(Search *search, size_t wanted)
{
    if (search->chains.used == 0)
        return true;
    Chain first = *(Chain *)search->chains.data;
    Group *group = (Group *)search->groups.data + ((Sum *)search->sums.data)[first.sum].shown;
    Watch watch = {.branches = {.stride = sizeof(Branch)}, .chain = first};
    watch.chain.is_branch = true;
    bool good = watch_chain(search, &watch, group->latest_parent) && note_all(search, &watch);
    Row ranked = {.stride = sizeof(Ranked)};
    good = good && rank_all(search, &watch, &ranked);
    const Branch *branches = (Branch *)watch.branches.data;
    for (size_t place = 0; good && place < ranked.used && place < wanted; place++)
        good = add_branch(search, &watch, &branches[((Ranked *)ranked.data)[place].number]);
    row_free(search->walk.memory, &ranked);
    row_free(search->walk.memory, &watch.branches);
    pointers_free(search->walk.memory, &watch.places);
    return good;
}
