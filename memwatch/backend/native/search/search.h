/* The search for holders: one breadth-first walk from the roots, with a link from each object to what led to it.
 *
 * It takes 20 bytes for each object that refers to others, and about one for each of the rest. The GIL is held from the
 * first root to the last chain, and no code of the program runs: nothing comes, goes or moves meanwhile, and pointers
 * need no reference. search.c goes along references, threads.c and unreached.c find the roots that no module holds,
 * groups.c counts, chains.c gives the paths back, branches.c finds other ways to one object. request.c reads what
 * Python asks for, and answer.c makes Python values of all that. */
#ifndef MEMWATCH_SEARCH_H
#define MEMWATCH_SEARCH_H

#include "census/untracked_holders.h"
#include "census/check.h"

/* ---- roots ---- */

typedef enum {
    ROOT_MODULE,
    ROOT_FRAME,
    ROOT_CONTEXT,
    ROOT_EXCEPTION,
    ROOT_THREAD,
    ROOT_C,       /* alive, and nothing refers to it */
    ROOT_NOTHING, /* garbage that waits for the collector */
    ROOT_OWN
} RootKind;

/* What a path begins with. */
typedef struct {
    RootKind kind;
    bool main_thread;
    uint32_t number;   /* of a module, in the order given */
    PyObject *code;    /* of a running function */
    PyObject *globals; /* of the same */
} Label;

enum { NO_VARIABLE = -1, COMPUTED = -2, NAMESPACE = -3 };

/* An object that a root holds, and as which of a function's variables. */
typedef struct {
    PyObject *object;
    uint32_t label;
    int32_t variable;
} Root;

/* ---- nodes ---- */

/* A node is an object that refers to others; nodes are numbered as they are found, the nearest to a root first. Its
 * parent is a node or a root. Its place is the group that it was counted in, or else a mixture of the way to it: places
 * alike in all but the objects on the way have the same. */
#define IS_ROOT ((uint32_t)1 << 31)
#define IS_GROUP ((uint64_t)1 << 63)
#define BLOCK_NODES ((size_t)1 << 16)
#define MOST_BLOCKS ((size_t)1 << 15)

typedef struct {
    PyObject *objects[BLOCK_NODES];
    uint64_t places[BLOCK_NODES];
    uint32_t parents[BLOCK_NODES];
} Block;

/* New objects of one type below one old object: the topmost are its targets. */
typedef struct {
    PyObject *latest;
    uint32_t latest_parent;
    uint32_t measured; /* how many of the items tell their size only when the walk is over */
    uint64_t like;
    uint64_t targets;
    uint64_t items;
    uint64_t bytes;
} Group;

/* Groups that are told as one. */
typedef struct {
    uint64_t targets;
    uint64_t items;
    uint64_t bytes;
    uint64_t measured;
    uint32_t shown; /* the group with most bytes */
    bool chosen;
} Sum;

/* The way to the latest object of a group, or another way to the same object: nodes from the root on. */
typedef struct {
    uint32_t root;
    uint32_t sum;
    PyObject *first; /* NULL where the root itself holds the last */
    PyObject *last;
    size_t start; /* in `links` */
    size_t length;
    bool is_branch;
} Chain;

typedef struct {
    uintptr_t address;
    uintptr_t type;
} Step;

/* ---- the search ---- */

/* What counts as new: whatever is not known, the objects wanted, or the objects of the types wanted. */
typedef enum { NEW_UNKNOWN, NEW_WANTED, NEW_OF_TYPES } Mode;

#define WAITING 16

typedef struct {
    PyObject *object;
    uint32_t parent;
    bool inherits;
} Met;

typedef struct {
    Walk walk; /* first, because follow() and the visitprocs are given this; its marks say what was visited */
    Mode mode;
    Marks given;        /* the known, or the wanted objects */
    Pointers types;     /* the types wanted */
    Pointers grown;     /* objects in which something untracked may be new */
    bool only_in_grown;
    Pointers late;      /* objects to come to only when all else is visited, with the namespace that names each */
    Marks indirect;     /* old objects that only new ones lead to so far: come to when all else is visited */
    bool all_else_is;
    bool silent;        /* count nothing */
    bool own_entered;
    PyObject *modules;        /* to begin at, a list */
    PyTypeObject *array_type; /* numpy's, or NULL */
    unsigned long main_thread;
    size_t most; /* objects to visit, where only what is near to the roots is */
    size_t named;    /* sums to choose */
    size_t branches; /* further ways to find */
    size_t near;     /* references to look at, where only what is near to the roots is visited; 0: all is */
    size_t items;    /* of the node that is visited, as far as they are known */
    size_t item;     /* the next one */
    bool enough;     /* of what is near was looked at */

    Pool pool;
    Block **blocks;
    size_t used;
    size_t next; /* node to visit */
    uint32_t from;
    bool inherits; /* what comes is as old as the node that is visited, for no census sees it */
    Met waiting[WAITING];
    unsigned waiting_at;

    Row labels;   /* Label */
    Row roots;    /* Root */
    Row deferred; /* Met, as are the next */
    Row indirectly;
    Row left;     /* PyObject *: tracked, and not reached from any root */
    Pointers references; /* to those, as many as none of them shows */
    Row groups;   /* Group */
    Pointers group_of; /* by parent and type, and past many groups by likeness */
    Pointers counts;   /* by group and type */
    uint64_t last_key;
    size_t last_group;

    Row sums;   /* Sum */
    uint32_t *sum_of;
    size_t sums_room;
    Row chains; /* Chain */
    Row links;  /* Step */
    struct Watch *watch;
    PyObject *listed;
} Search;

static inline PyObject *
node_object(const Search *search, size_t node)
{
    return search->blocks[node / BLOCK_NODES]->objects[node % BLOCK_NODES];
}

static inline uint32_t
node_parent(const Search *search, size_t node)
{
    return search->blocks[node / BLOCK_NODES]->parents[node % BLOCK_NODES];
}

static inline uint64_t
node_place(const Search *search, size_t node)
{
    return search->blocks[node / BLOCK_NODES]->places[node % BLOCK_NODES];
}

static inline Root *
root_at(const Search *search, uint32_t parent)
{
    return (Root *)search->roots.data + (parent & ~IS_ROOT);
}

static inline Label *
label_at(const Search *search, uint32_t parent)
{
    return (Label *)search->labels.data + root_at(search, parent)->label;
}

/* search.c. All answer false, with walk.failed set, without memory. */
bool search_begin(Search *search, State *state, const Pointers *own);
void search_free_walk(Search *search); /* all but what answer.c needs */
void search_free(Search *search);
bool search_label(Search *search, Label label); /* for the roots to come */
bool search_root(Search *search, PyObject *object, int32_t variable);
bool search_run(Search *search); /* visit all that can be reached from the roots so far */
bool search_late(Search *search); /* visit what was put off */
bool search_own(Search *search); /* visit what only memwatch leads to */
bool search_is_own(Search *search, const Kind *kind, PyObject *object);
void search_follow(Search *search, PyObject *object, visitproc visit);

/* near.c: of a search for what is near. Whether to pass by *object*, to which the visited node refers; whether a *met*
 * object leads on; and what search_follow() does there. */
bool near_passes_by(Search *search, PyObject *object);
bool near_leads_on(const Search *search, const Kind *kind, Met met);
void near_follow(Search *search, PyObject *object, visitproc visit);
void search_fetch(const Search *search, size_t node);

/* threads.c: what running functions hold, the program's or memwatch's. */
bool search_threads(Search *search, bool own);

/* unreached.c: what is alive and cannot be reached from any of these. */
bool search_unreached(Search *search, const GCState *collector);

/* groups.c: count *object*, which is new; its place, or 0 without memory. */
uint64_t count_new(Search *search, Kind *kind, PyObject *object, uint32_t parent, uint64_t place);
uint64_t place_below(uint64_t place, PyObject *object);

/* chains.c: put the largest key first, of equal ones the smallest number. */
typedef struct {
    uint64_t key;
    uint32_t number;
} Ranked;

void ranked_sort(Ranked *ranked, size_t count);

/* chains.c: choose at most *named* sums twice, by bytes and by measured objects, and fill in the way to each; that to
 * the largest holder comes first. */
bool chains_fill(Search *search, size_t named);
bool chain_add(Search *search, Chain chain, uint32_t parent, const Step *tail, size_t tail_length);
size_t depth_of(const Search *search, uint32_t parent);

/* branches.c: further ways to the last object of the first chain, at most *wanted*. */
bool branches_fill(Search *search, size_t wanted);

/* request.c: a search from the dict that Python gives on. *own* is kept until search_free(), *asked* as long as the
 * dict. False with an exception. */
bool search_prepare(Search *search, State *state, PyObject *asked, Pointers *own);

/* answer.c: the walk, for whoever runs it apart from the answer; answers as those above. */
bool search_walk(Search *search, const GCState *collector);

/* tracked_at.c and answer.c: the functions for Python. */
PyObject *tracked_at_call(State *state, PyObject *given);
extern const char tracked_at_doc[];
PyObject *untracked_referents_call(PyObject *const *args, Py_ssize_t given);
extern const char untracked_referents_doc[];
PyObject *held_call(State *state, PyObject *const *args, Py_ssize_t given);
extern const char held_doc[];
PyObject *search_call(State *state, PyObject *request);
extern const char search_doc[];

#endif
