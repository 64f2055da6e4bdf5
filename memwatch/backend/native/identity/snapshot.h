/* The identity snapshot: which objects there are and of which type, in three to five bytes for each.
 *
 * It is the marks of a walk, kept, and a row for each object, in order of address. An object's row is found by its
 * rank: how many marks lie before its own. A row is the number of the object's type, in 16 bits, or in 32 where there
 * are more types. Where births are watched and cannot be traced, rows have 32 bits, and from low to high: the number in
 * as many bits as the largest one needs, two bits of state, and a hash of the object's content in what is left.
 *
 * Of containers that can grow and are large the size is kept beside, in order of address too.
 *
 * snapshot.c takes one and looks into it, survivors.c finds out what was replaced since, compare.c compares two. */
#ifndef MEMWATCH_SNAPSHOT_H
#define MEMWATCH_SNAPSHOT_H

#include "census/ask_child.h"
#include "identity/births.h"

typedef enum {
    STATE_OLD,       /* tracked, and not young: born before the last collection */
    STATE_YOUNG,     /* tracked, in generation 0 or 1 */
    STATE_UNTRACKED,
    STATE_PERMANENT, /* never freed */
} ObjectState;

/* What became of an object of a snapshot until the next one that settled it. */
typedef enum {
    SURVIVED, /* or was not in the next one */
    REPLACED, /* another one has been born at its address */
    HASH_DIFFERS, /* replaced, by its hash alone */
    DOUBTFUL,
} Verdict;

typedef struct {
    uint64_t address;
    uint64_t bytes;
} Large;

typedef struct {
    PyObject_HEAD
    Memory memory; /* its own: a snapshot outlives the walk */
    Marks marks;
    Row starts; /* of the marks, made when an object is asked for */
    void *numbers;
    size_t rows;
    bool wide;
    uint32_t largest; /* number in a row */
    uint8_t *holders; /* by type: whether immutable_holders.h cares for its objects; NULL without states and hashes */
    size_t kinds; /* length of that */
    int number_bits; /* 0: a row is a number and nothing else */
    Row large; /* Large */
    Epoch *epoch; /* watching births since; NULL: not, or no more */
    bool watched; /* births were asked for */
    uint64_t serial;
    uint64_t settled_by; /* the serial of another one; 0: none yet */
    uint8_t *verdicts; /* two bits for each row; where a row has a state they take its place once it is settled */
} Snapshot;

/* The type of snapshots, for one module. */
PyObject *snapshot_type(PyObject *module);

/* A snapshot of what *walk* met, which gives its marks away; before result_hold(). NULL without memory, no exception.
 * *made* is an empty snapshot; *hashes* asks for states and hashes where births cannot be traced. */
bool snapshot_fill(Snapshot *made, Walk *walk, const GCState *collector, bool hashes);

/* A serial number for *made*, which no other snapshot has. */
void snapshot_count(Snapshot *made);

/* sent_snapshot.c: one that a forked child has filled, and that its parent fills from what was sent; the latter without
 * the GIL, false without memory. */
void snapshot_send(Sender *sender, const Snapshot *made);
bool snapshot_receive(Snapshot *made, const Answer *answer);

/* At the moment when *after* was filled: what became of the objects of *before*, whose watching ends. False without
 * memory, and nothing has changed then. */
bool snapshot_settle(Memory *memory, Snapshot *before, const Snapshot *after);

/* compare.c: the methods of two snapshots. */
PyObject *snapshot_compare(PyObject *self, PyObject *args);
PyObject *snapshot_came(PyObject *self, PyObject *args);
extern const char snapshot_compare_doc[], snapshot_came_doc[];

/* Call *copy* with "Q" and a memoryview of so many addresses, which is good during the call. */
PyObject *copied_addresses(PyObject *copy, const uint64_t *addresses, size_t count);

static inline uint32_t
row_at(const Snapshot *snapshot, size_t row)
{
    return snapshot->wide ? ((uint32_t *)snapshot->numbers)[row] : ((uint16_t *)snapshot->numbers)[row];
}

static inline uint32_t
number_in(const Snapshot *snapshot, uint32_t row)
{
    return snapshot->number_bits ? row & (((uint32_t)1 << snapshot->number_bits) - 1) : row;
}

static inline uint32_t
number_at(const Snapshot *snapshot, size_t row)
{
    return number_in(snapshot, row_at(snapshot, row));
}

static inline ObjectState
state_in(const Snapshot *snapshot, uint32_t row)
{
    return (ObjectState)(row >> snapshot->number_bits & 3);
}

/* 0: none. */
static inline uint32_t
hash_in(const Snapshot *snapshot, uint32_t row)
{
    return row >> (snapshot->number_bits + 2);
}

static inline int
hash_bits(const Snapshot *snapshot)
{
    return snapshot->number_bits ? 30 - snapshot->number_bits : 0;
}

static inline Verdict
verdict_at(const Snapshot *snapshot, size_t row)
{
    if (!snapshot->settled_by)
        return DOUBTFUL;
    if (snapshot->number_bits)
        return (Verdict)(row_at(snapshot, row) >> snapshot->number_bits & 3);
    return (Verdict)(snapshot->verdicts[row / 4] >> row % 4 * 2 & 3);
}

static inline size_t
verdicts_size(const Snapshot *snapshot)
{
    return snapshot->rows / 4 + 1;
}

#endif
