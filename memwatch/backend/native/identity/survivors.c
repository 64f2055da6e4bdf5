/* What became of the objects of a snapshot: which of those that are at the same address in a second one survived.
 *
 * Where births are traced, that is one question: was one born there since? Where they are marked, it is asked for what
 * the collector tracks. What it tracks before and not now, or now and not before, or never, is told by its hash:
 *
 *   another hash      another object; of a dict, which may have been changed, nothing is known
 *   the same hash     the same object if the hash is rare among all objects of both snapshots; else doubtful
 *   none               doubtful
 *
 * And what is doubtful survived all the same if it is held by what did; see immutable_holders.h.
 *
 * All that runs in the same hold of the GIL as the second walk. So the objects of the second snapshot live, and may be
 * looked at. What is kept is a verdict for each object of the first one. */
#include "identity/snapshot.h"

#include "identity/immutable_holders.h"
#include "core/marks_two.h"
#include "identity/content_hash.h"

#define RARE 32 /* as often as that, in both snapshots together, is rare: in most cases in 16 objects */

typedef struct {
    const Snapshot *before;
    const Snapshot *after;
    size_t rows[2];
    bool hashes; /* births are marked, and the rows have hashes */
    bool sure;   /* all births are known */
    uint8_t *verdicts;
    int bits;        /* of hashes, that both snapshots have */
    uint8_t *counts; /* how often a hash was met, up to 255; several hashes share one */
    size_t cells;    /* a power of two */
    Memory *memory;
    Held held;
} Settling;

/* ---- how often each hash is there ---- */

static uint32_t
hash_of_side(const Settling *settling, const Snapshot *side, uint32_t row)
{
    return hash_in(side, row) >> (hash_bits(side) - settling->bits);
}

static void
count_hashes(Settling *settling, const Snapshot *side)
{
    for (size_t row = 0; row < side->rows; row++) {
        uint32_t hash = hash_of_side(settling, side, row_at(side, row));
        uint8_t *count = &settling->counts[hash & (settling->cells - 1)];
        *count += hash != 0 && *count < UINT8_MAX;
    }
}

static void
enter_verdict(Settling *settling, size_t row, Verdict verdict)
{
    uint8_t *four = &settling->verdicts[row / 4];
    *four = (uint8_t)((*four & ~(3 << row % 4 * 2)) | verdict << row % 4 * 2);
}

static Verdict
entered_verdict(const Settling *settling, size_t row)
{
    return (Verdict)(settling->verdicts[row / 4] >> row % 4 * 2 & 3);
}

/* Enter the verdict of the same hash: here, because it is several times faster to do it for all rows in a row. */
static void
find_common(Settling *settling, size_t rare)
{
    const Snapshot *before = settling->before;
    for (size_t row = 0; row < before->rows; row++) {
        uint32_t hash = hash_of_side(settling, before, row_at(before, row));
        if (settling->counts[hash & (settling->cells - 1)] > rare)
            enter_verdict(settling, row, DOUBTFUL);
    }
}

static bool
judge_hashes(Settling *settling)
{
    size_t rows = settling->before->rows + settling->after->rows, most = (size_t)1 << settling->bits;
    size_t cells = 4096;
    while (cells < rows && cells < most)
        cells *= 2;
    settling->cells = cells;
    settling->counts = memory_map(settling->memory, cells);
    if (settling->counts == NULL)
        return false;
    count_hashes(settling, settling->before);
    count_hashes(settling, settling->after);
    find_common(settling, Py_MIN(RARE + 4 * rows / cells, UINT8_MAX - 1));
    return true;
}

/* ---- verdicts ---- */

static Verdict
by_hash(const Settling *settling, PyObject *object, uint32_t old, uint32_t new)
{
    uint32_t hash = hash_of_side(settling, settling->before, old);
    uint32_t hash_now = hash_of_side(settling, settling->after, new);
    if (hash == 0 || hash_now == 0)
        return DOUBTFUL;
    if (hash != hash_now)
        return hash_decides(object) ? HASH_DIFFERS : DOUBTFUL;
    Verdict verdict = entered_verdict(settling, settling->rows[0] - 1);
    return verdict == DOUBTFUL && !hash_decides(object) ? SURVIVED : verdict;
}

/* What was marked as born is another object than the one that was there before; unless that one was young too, or was
 * not tracked and has come to be since, which can happen to any but a tuple. */
static Verdict
born_since(const Settling *settling, PyObject *object, uint32_t old, uint32_t new)
{
    ObjectState state = state_in(settling->before, old);
    if (state == STATE_YOUNG || (state != STATE_OLD && !PyTuple_CheckExact(object)))
        return by_hash(settling, object, old, new);
    if (PyDict_CheckExact(object) && births_may_be_old(settling->before->epoch, object))
        return DOUBTFUL;
    return REPLACED;
}

static Verdict
judge_marked(const Settling *settling, PyObject *object, uint32_t old, uint32_t new)
{
    ObjectState state = state_in(settling->before, old), now = state_in(settling->after, new);
    if (state == STATE_PERMANENT && now == STATE_PERMANENT)
        return SURVIVED;
    if (settling->before->epoch && births_has(settling->before->epoch, object))
        return born_since(settling, object, old, new);
    bool was_tracked = state <= STATE_YOUNG, is_tracked_now = now <= STATE_YOUNG;
    if (was_tracked && is_tracked_now && settling->sure)
        return SURVIVED;
    if (!was_tracked && is_tracked_now)
        return PyTuple_CheckExact(object) ? REPLACED : DOUBTFUL;
    return by_hash(settling, object, old, new);
}

static Verdict
judge_traced(const Settling *settling, PyObject *object)
{
    if (births_has(settling->before->epoch, object))
        return REPLACED;
    return settling->sure ? SURVIVED : DOUBTFUL;
}

static bool
holds(const Settling *settling, size_t row)
{
    return settling->before->holders[number_at(settling->before, row)];
}

static bool
judge_row(PyObject *object, bool before, bool after, void *arg)
{
    Settling *settling = arg;
    size_t row = settling->rows[0], row_now = settling->rows[1];
    settling->rows[0] += before;
    settling->rows[1] += after;
    if (before && !after)
        enter_verdict(settling, row, SURVIVED);
    if (!before || !after)
        return true;
    if (!settling->hashes) {
        enter_verdict(settling, row, judge_traced(settling, object));
        return true;
    }
    Verdict verdict = judge_marked(settling, object, row_at(settling->before, row), row_at(settling->after, row_now));
    enter_verdict(settling, row, verdict);
    if (verdict == SURVIVED)
        return !holds(settling, row) || held_survived(settling->memory, &settling->held, object);
    return verdict != DOUBTFUL || held_doubt(settling->memory, &settling->held, object, row);
}

static void
clear_doubt(size_t row, void *arg)
{
    enter_verdict(arg, row, SURVIVED);
}

static bool
judge_all(Settling *settling)
{
    const Snapshot *before = settling->before, *after = settling->after;
    return marks_each_of_two(&before->marks, &after->marks, judge_row, settling) &&
           (!settling->hashes || held_resolve(settling->memory, &settling->held, clear_doubt, settling));
}

static bool
settling_begin(Settling *settling)
{
    settling->verdicts = memory_map(settling->memory, verdicts_size(settling->before));
    if (settling->verdicts == NULL || !settling->hashes)
        return settling->verdicts != NULL;
    settling->bits = Py_MIN(hash_bits(settling->before), hash_bits(settling->after));
    return judge_hashes(settling) && held_begin(settling->memory, &settling->held, settling->before->rows / 8);
}

static void
settling_end(Settling *settling)
{
    held_free(settling->memory, &settling->held);
    memory_unmap(settling->memory, settling->counts, settling->cells);
    memory_unmap(settling->memory, settling->verdicts, verdicts_size(settling->before));
}

/* *before* takes over what was found. */
static void
keep_verdicts(Settling *settling, Snapshot *before)
{
    before->settled_by = settling->after->serial;
    if (before->number_bits) {
        uint32_t *rows = before->numbers, state = (uint32_t)3 << before->number_bits;
        for (size_t row = 0; row < before->rows; row++)
            rows[row] = (rows[row] & ~state) | (uint32_t)entered_verdict(settling, row) << before->number_bits;
        return;
    }
    before->verdicts = settling->verdicts;
    settling->verdicts = NULL;
    before->memory.now += verdicts_size(before);
    settling->memory->now -= verdicts_size(before);
}

bool
snapshot_settle(Memory *memory, Snapshot *before, const Snapshot *after)
{
    bool hashes = before->number_bits && after->number_bits;
    if (before->settled_by || (before->epoch == NULL && !hashes))
        return true; /* nothing new is known */
    Settling settling = {.before = before, .after = after, .memory = memory, .hashes = hashes};
    bool settled = settling_begin(&settling);
    if (settled) {
        settling.sure = before->epoch && births_look(before->epoch);
        settled = judge_all(&settling);
    }
    if (settled) {
        keep_verdicts(&settling, before);
        if (before->epoch)
            births_end(before->epoch);
        before->epoch = NULL;
    }
    settling_end(&settling);
    return settled;
}
