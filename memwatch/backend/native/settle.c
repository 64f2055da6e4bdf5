/* What became of the objects of a snapshot: which of those that are at the same address in a second one survived.
 *
 * Where births are traced, that is one question: was one born there since? Where they are marked, it is asked for what
 * the collector tracks. What it tracks before and not now, or now and not before, or never, is told by its print:
 *
 *   another print      another object; of a dict, which may have been changed, nothing is known
 *   the same print     the same object if the print is rare among all objects of both snapshots; else doubtful
 *   none               doubtful
 *
 * All that runs in the same hold of the GIL as the second walk. So the objects of the second snapshot live, and may be
 * looked at. What is kept is a verdict for each object of the first one. */
#include "snapshot.h"

#include "prints.h"

#define RARE 8 /* as often as that, in both snapshots together, is rare */

typedef struct {
    const Snapshot *before;
    const Snapshot *after;
    size_t rows[2];
    bool sure; /* all births are known */
    uint8_t *verdicts;
    int bits;        /* of prints, that both snapshots have */
    uint8_t *counts; /* how often a print was met, up to 255; several prints share one */
    size_t cells;    /* a power of two */
    unsigned rare;
} Settling;

/* ---- how often each print is there ---- */

static uint32_t
print_of_side(const Settling *settling, const Snapshot *side, uint32_t row)
{
    return print_in(side, row) >> (print_bits(side) - settling->bits);
}

static void
count_print(Settling *settling, uint32_t print)
{
    uint8_t *count = &settling->counts[print & (settling->cells - 1)];
    *count += *count < UINT8_MAX;
}

static bool
count_row(PyObject *Py_UNUSED(object), bool before, bool after, void *arg)
{
    Settling *settling = arg;
    uint32_t old = 0, new = 0;
    if (before)
        old = print_of_side(settling, settling->before, row_at(settling->before, settling->rows[0]++));
    if (after)
        new = print_of_side(settling, settling->after, row_at(settling->after, settling->rows[1]++));
    if (old)
        count_print(settling, old);
    if (new && new != old)
        count_print(settling, new);
    return true;
}

static bool
count_prints(Memory *memory, Settling *settling)
{
    size_t rows = settling->before->rows + settling->after->rows, most = (size_t)1 << settling->bits;
    settling->cells = 4096;
    while (settling->cells < rows && settling->cells < most)
        settling->cells *= 2;
    settling->rare = (unsigned)Py_MIN(RARE + 4 * rows / settling->cells, UINT8_MAX - 1);
    settling->counts = memory_map(memory, settling->cells);
    if (settling->counts == NULL)
        return false;
    marks_each_of_two(&settling->before->marks, &settling->after->marks, count_row, settling);
    settling->rows[0] = settling->rows[1] = 0;
    return true;
}

/* ---- verdicts ---- */

static Verdict
by_print(const Settling *settling, PyObject *object, uint32_t old, uint32_t new)
{
    uint32_t print = print_of_side(settling, settling->before, old);
    uint32_t print_now = print_of_side(settling, settling->after, new);
    if (print == 0 || print_now == 0)
        return DOUBTFUL;
    if (print != print_now)
        return print_decides(object) ? PRINT_DIFFERS : DOUBTFUL;
    bool is_rare = settling->counts[print & (settling->cells - 1)] <= settling->rare;
    return is_rare || !print_decides(object) ? SURVIVED : DOUBTFUL;
}

/* What was marked as born is another object than the one that was there before; unless that one was young too, or was
 * not tracked and has come to be since, which can happen to any but a tuple. */
static Verdict
born_since(const Settling *settling, PyObject *object, uint32_t old, uint32_t new)
{
    ObjectState state = state_in(settling->before, old);
    if (state == STATE_YOUNG || (state != STATE_OLD && !PyTuple_CheckExact(object)))
        return by_print(settling, object, old, new);
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
    return by_print(settling, object, old, new);
}

static Verdict
judge_traced(const Settling *settling, PyObject *object)
{
    if (births_has(settling->before->epoch, object))
        return REPLACED;
    return settling->sure ? SURVIVED : DOUBTFUL;
}

static bool
judge_row(PyObject *object, bool before, bool after, void *arg)
{
    Settling *settling = arg;
    size_t row = settling->rows[0], row_now = settling->rows[1];
    settling->rows[0] += before;
    settling->rows[1] += after;
    if (!before || !after)
        return true;
    Verdict verdict;
    if (settling->before->number_bits)
        verdict = judge_marked(settling, object, row_at(settling->before, row), row_at(settling->after, row_now));
    else
        verdict = judge_traced(settling, object);
    settling->verdicts[row / 4] |= (uint8_t)(verdict << row % 4 * 2);
    return true;
}

bool
snapshot_settle(Memory *memory, Snapshot *before, const Snapshot *after)
{
    bool prints = before->number_bits && after->number_bits;
    if (before->settled_by || (before->epoch == NULL && !prints))
        return true; /* nothing new is known */
    Settling settling = {.before = before, .after = after};
    settling.bits = Py_MIN(print_bits(before), print_bits(after));
    settling.verdicts = memory_map(memory, verdicts_size(before));
    bool settled = settling.verdicts && (!prints || count_prints(memory, &settling));
    if (settled) {
        settling.sure = before->epoch && births_look(before->epoch);
        marks_each_of_two(&before->marks, &after->marks, judge_row, &settling);
        before->verdicts = settling.verdicts;
        before->settled_by = after->serial;
        before->memory.now += verdicts_size(before);
        memory->now -= verdicts_size(before);
        if (before->epoch)
            births_end(before->epoch);
        before->epoch = NULL;
    } else
        memory_unmap(memory, settling.verdicts, verdicts_size(before));
    memory_unmap(memory, settling.counts, settling.cells);
    return settled;
}
