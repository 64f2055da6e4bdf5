/* A heap snapshot, from what Python asks to the file. See dump.h, and graph.h for how it is made.
 *
 * The descriptor is the caller's, who gives the file its name when all has gone well. What a child has learnt, how much
 * it wrote and which numbers it gave to objects, comes back through its pipe. */
#include "graph/dump.h"

#include "graph/asked.h"
#include "graph/write.h"

#include <string.h>

enum { FILE_NUMBER = FIRST_OWN, TOLD, FOLD, SHOW_KEYS, ARGUMENTS };

const char dump_doc[] =
    "write_graph(deep, own_types, part_types, records, exclude, patience, ask, in_child, groups, threads, array_type,\n"
    "            file, allocations, fold, show_keys)\n--\n\n"
    "Write a heap snapshot to the descriptor *file*: ((objects, bytes, nodes, edges, length, peak, errno, too large),\n"
    "pause, price, work), or None while the collector is at work. *allocations* is (strings, stacks, functions,\n"
    "count, tree, about), which graph/write.h describes, and graph/asked.h the arguments before.";

typedef struct {
    Graph graph;
    AllocationData allocations;
    Ids ids;
    int file;
    Facts facts;
} Dump;

/* ---- the work ---- */

static bool
enter_strings(Graph *graph, PyObject *strings)
{
    for (Py_ssize_t place = 0; place < PyList_GET_SIZE(strings); place++) {
        text_put(PyList_GET_ITEM(strings, place), PY_SSIZE_T_MAX, text_add, &graph->strings);
        if (text_end(&graph->strings) != (uint32_t)place) /* they are all different */
            return false;
    }
    return !graph->strings.failed;
}

/* Whether there was memory enough; what else went wrong stands in the facts. */
static bool
work(void *hand)
{
    Dump *dump = hand;
    Graph *graph = &dump->graph;
    bool good = strings_begin(&graph->strings, graph->walk.memory) && enter_strings(graph, dump->allocations.strings) &&
                asked_build(graph) && graph_write(graph, &dump->allocations, &dump->ids, dump->file, &dump->facts);
    dump->facts.peak = graph->walk.memory->peak;
    if (graph->too_large)
        dump->facts.too_large = 1;
    return good || dump->facts.error || dump->facts.too_large;
}

/* ---- the child ---- */

static void
send_ranges(const Dump *dump, Sender *sender)
{
    for (size_t slot = 0; slot < dump->ids.ranges.room; slot++) {
        const Pointer *range = &dump->ids.ranges.slots[slot];
        if (range->pointer)
            send_head(sender,
                      (Sent){.kind = A_RANGE,
                             .bytes = (uint64_t)(uintptr_t)range->pointer,
                             .number = (uint64_t)range->number},
                      0);
    }
}

static void
work_and_send(void *arg, int pipe)
{
    Dump *dump = arg;
    Sender *sender = sender_begin(pipe, dump->file);
    bool good = work(dump);
    if (good) {
        send_ranges(dump, sender);
        send_head(sender, (Sent){.kind = SOME_FACTS}, sizeof(Facts));
        send_more(sender, &dump->facts, sizeof(Facts));
    }
    send_end(sender, good ? ALL_SENT : NO_MEMORY);
}

/* ---- the parent ---- */

static PyObject *
facts_value(const Facts *facts)
{
    return Py_BuildValue("(KKKKKKLK)", facts->objects, facts->bytes, facts->nodes, facts->edges, facts->length,
                         facts->peak, (long long)facts->error, facts->too_large);
}

static PyObject *
hear(State *state, void *hand, const Answer *answer)
{
    Dump *dump = hand;
    Sent sent;
    const char *data;
    Ids learnt = {.memory = &state->numbers, .ranges = state->ids.ranges};
    bool good = true;
    for (size_t place = 0; answer_next(answer, &place, &sent, &data);) {
        if (sent.kind == A_RANGE)
            good = good && ids_learn(&learnt, sent.bytes, sent.number);
        else if (sent.kind == SOME_FACTS)
            memcpy(&dump->facts, data, sizeof(Facts));
    }
    state->ids.ranges = learnt.ranges;
    return good ? facts_value(&dump->facts) : PyErr_NoMemory();
}

static PyObject *
tell(State *state, void *hand, bool good)
{
    Dump *dump = hand;
    state->ids.ranges = dump->ids.ranges;
    return good ? facts_value(&dump->facts) : PyErr_NoMemory();
}

/* ---- the function ---- */

static bool
read_allocations(Dump *dump, PyObject *allocations)
{
    static const char wrong[] = "allocations is six values: a list, three strings of bytes and a number between them";
    if (!PyTuple_Check(allocations) || PyTuple_GET_SIZE(allocations) != 6) {
        PyErr_SetString(PyExc_TypeError, wrong);
        return false;
    }
    PyObject **items = ((PyTupleObject *)allocations)->ob_item;
    dump->allocations = (AllocationData){items[0], items[1], items[2], PyLong_AsSize_t(items[3]), items[4], items[5]};
    bool good = PyList_Check(items[0]) && PyBytes_Check(items[1]) && PyBytes_Check(items[2]) &&
                PyBytes_Check(items[4]) && PyBytes_Check(items[5]);
    if (!good && !PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, wrong);
    return good && !PyErr_Occurred();
}

static bool
read_own(State *state, void *hand, Walk *walk, PyObject *const *args)
{
    Dump *dump = hand;
    dump->file = (int)PyLong_AsLong(args[FILE_NUMBER]);
    dump->ids = (Ids){.memory = &state->numbers, .ranges = state->ids.ranges};
    if (PyErr_Occurred())
        return false;
    dump->graph.wanted.fold = dump->graph.wanted.leaves = PyObject_IsTrue(args[FOLD]) > 0;
    dump->graph.wanted.show_keys = PyObject_IsTrue(args[SHOW_KEYS]) > 0;
    return read_allocations(dump, args[TOLD]) && asked_leave_out(walk, args[TOLD]);
}

PyObject *
dump_call(State *state, PyObject *const *args, Py_ssize_t given)
{
    static const GraphFunction dump = {sizeof(Dump), ARGUMENTS, read_own, work, tell, work_and_send, hear};
    return asked_call(state, args, given, &dump);
}

void
dump_forget(State *state)
{
    pointers_free(&state->numbers, &state->ids.ranges);
}
