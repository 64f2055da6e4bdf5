/* Dominators, for Python. See dominance.h, and retained.h for the JSON. */
#include "graph/dominance.h"

#include "graph/asked.h"
#include "graph/retained.h"

#include <string.h>

#define PIECE ((size_t)1 << 20)

enum { TOP = FIRST_OWN, WANTED, ARGUMENTS };

const char retained_doc[] =
    "retained(deep, own_types, part_types, records, exclude, patience, ask, in_child, groups, threads, array_type,\n"
    "         top, wanted)\n--\n\n"
    "(JSON, pause, price, work): what the heap retains, at most *top* points; and the object at the address *wanted*,\n"
    "or 0. None while the collector is at work. See graph/asked.h.";

const char retained_of_doc[] =
    "retained_of(starts, targets, sizes, classes, most_classes, top, group_class)\n--\n\n"
    "The same as JSON for columns of 32 bits: the edges of vertex v are from starts[v] to starts[v + 1].";

const char dominators_of_doc[] =
    "dominators_of(starts, targets, sizes)\n--\n\n"
    "(dominators, retained), columns of 32 and 64 bits by vertex; 2^32 - 1 and 0 where it cannot be reached.";

typedef struct {
    Graph graph;
    Question question;
    const void *wanted; /* an address, where there may be no object any more */
    Row text; /* char: JSON */
} Retained;

/* ---- the living heap ---- */

static bool
work(void *hand)
{
    Retained *retained = hand;
    Graph *graph = &retained->graph;
    if (!asked_build(graph))
        return false;
    uint32_t groups = (uint32_t)graph->groups.used;
    Flow flow = {.count = groups + (uint32_t)graph->nodes, .graph = graph};
    uint32_t node = retained->wanted ? node_of(graph, retained->wanted) : NO_NODE;
    retained->question.wanted = node == NO_NODE ? NO_NODE : groups + node;
    retained->question.most_classes = (uint32_t)graph->strings.ends.used;
    return retained_tell(&flow, retained->question, graph->walk.memory, &retained->text);
}

static void
work_and_send(void *arg, int pipe)
{
    Retained *retained = arg;
    Sender *sender = sender_begin(pipe, -1);
    bool good = work(retained);
    for (size_t place = 0; good && place < retained->text.used; place += PIECE) {
        size_t piece = Py_MIN(PIECE, retained->text.used - place);
        send_head(sender, (Sent){.kind = SOME_TEXT}, piece);
        send_more(sender, retained->text.data + place, piece);
    }
    send_end(sender, good ? ALL_SENT : NO_MEMORY);
}

static PyObject *
hear(State *Py_UNUSED(state), void *Py_UNUSED(hand), const Answer *answer)
{
    Sent sent;
    const char *data;
    size_t length = 0, at = 0;
    for (size_t place = 0; answer_next(answer, &place, &sent, &data);)
        length += sent.kind == SOME_TEXT ? sent.length : 0;
    PyObject *text = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)length);
    for (size_t place = 0; text && answer_next(answer, &place, &sent, &data);)
        if (sent.kind == SOME_TEXT) {
            memcpy(PyBytes_AS_STRING(text) + at, data, sent.length);
            at += sent.length;
        }
    return text;
}

static PyObject *
tell(State *Py_UNUSED(state), void *hand, bool good)
{
    Retained *retained = hand;
    PyObject *text = good ? PyBytes_FromStringAndSize(retained->text.data, (Py_ssize_t)retained->text.used)
                          : PyErr_NoMemory();
    row_free(retained->graph.walk.memory, &retained->text);
    return text;
}

static bool
read_own(State *Py_UNUSED(state), void *hand, Walk *Py_UNUSED(walk), PyObject *const *args)
{
    Retained *retained = hand;
    retained->wanted = PyLong_AsVoidPtr(args[WANTED]);
    retained->question.top = (uint32_t)PyLong_AsUnsignedLong(args[TOP]);
    retained->text.stride = 1;
    return !PyErr_Occurred();
}

PyObject *
retained_call(State *state, PyObject *const *args, Py_ssize_t given)
{
    static const GraphFunction retained = {sizeof(Retained), ARGUMENTS, read_own, work, tell, work_and_send, hear};
    return asked_call(state, args, given, &retained);
}

/* ---- columns ---- */

#define MOST_COLUMNS 4

typedef struct {
    Py_buffer views[MOST_COLUMNS];
    int held;
    const uint32_t *data[MOST_COLUMNS];
    size_t lengths[MOST_COLUMNS];
} Columns32;

static void
let_go(Columns32 *columns)
{
    while (columns->held)
        PyBuffer_Release(&columns->views[--columns->held]);
}

static bool
is_graph(const Columns32 *columns)
{
    const uint32_t *starts = columns->data[0], *targets = columns->data[1];
    size_t vertices = columns->lengths[0] - 1;
    for (size_t vertex = 0; vertex < vertices; vertex++)
        if (starts[vertex] > starts[vertex + 1])
            return false;
    if (starts[0] != 0 || starts[vertices] != columns->lengths[1])
        return false;
    for (size_t edge = 0; edge < columns->lengths[1]; edge++)
        if (targets[edge] >= vertices)
            return false;
    return true;
}

static bool
hold(Columns32 *columns, PyObject *const *args, int count)
{
    for (; columns->held < count; columns->held++) {
        Py_buffer *view = &columns->views[columns->held];
        if (PyObject_GetBuffer(args[columns->held], view, PyBUF_SIMPLE) < 0)
            return false;
        columns->data[columns->held] = view->buf;
        columns->lengths[columns->held] = (size_t)view->len / sizeof(uint32_t);
    }
    bool good = columns->lengths[0] > 1 && columns->lengths[0] < NO_NODE && is_graph(columns);
    for (int column = 2; column < count; column++)
        good = good && columns->lengths[column] == columns->lengths[0] - 1;
    if (!good)
        PyErr_SetString(PyExc_ValueError, "these columns are no graph");
    return good;
}

PyObject *
retained_of_call(State *state, PyObject *const *args, Py_ssize_t given)
{
    Columns32 columns = {.held = 0};
    PyObject *result = NULL;
    Row text = {.stride = 1};
    if (given != 7)
        return PyErr_Format(PyExc_TypeError, "7 arguments are needed, not %zd", given);
    Question question = {.most_classes = (uint32_t)PyLong_AsUnsignedLong(args[4]),
                         .top = (uint32_t)PyLong_AsUnsignedLong(args[5]),
                         .wanted = NO_NODE,
                         .group_class = (uint32_t)PyLong_AsUnsignedLong(args[6])};
    if (PyErr_Occurred() || !hold(&columns, args, 4))
        goto done;
    for (size_t vertex = 0; vertex < columns.lengths[3]; vertex++)
        if (columns.data[3][vertex] >= question.most_classes) {
            PyErr_SetString(PyExc_ValueError, "a class is out of range");
            goto done;
        }
    Flow flow = {(uint32_t)columns.lengths[0] - 1, NULL, columns.data[0], columns.data[1]};
    question.sizes = columns.data[2];
    question.classes = columns.data[3];
    Memory memory = {.fail_after = state->memory.fail_after};
    bool good;
    Py_BEGIN_ALLOW_THREADS
    good = retained_tell(&flow, question, &memory, &text);
    Py_END_ALLOW_THREADS
    result = good ? PyBytes_FromStringAndSize(text.data, (Py_ssize_t)text.used) : PyErr_NoMemory();
    row_free(&memory, &text);
done:
    let_go(&columns);
    return result;
}

static PyObject *
by_vertex(const Dominators *dominators)
{
    PyObject *above = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)dominators->count * (Py_ssize_t)sizeof(uint32_t));
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)dominators->count * (Py_ssize_t)sizeof(uint64_t));
    for (uint32_t vertex = 0; above && bytes && vertex < dominators->count; vertex++) {
        uint32_t place = dominators->place[vertex], none = NO_NODE;
        uint32_t dominator = place == NO_NODE ? none : dominators->vertex[dominators->dominator[place]];
        uint64_t retained = place == NO_NODE ? 0 : dominators->bytes[place];
        memcpy(PyBytes_AS_STRING(above) + vertex * sizeof(dominator), &dominator, sizeof(dominator));
        memcpy(PyBytes_AS_STRING(bytes) + vertex * sizeof(retained), &retained, sizeof(retained));
    }
    PyObject *pair = above && bytes ? PyTuple_Pack(2, above, bytes) : NULL;
    Py_XDECREF(above);
    Py_XDECREF(bytes);
    return pair;
}

static bool
find(Dominators *dominators, const Columns32 *columns, Memory *memory)
{
    Flow flow = {(uint32_t)columns->lengths[0] - 1, NULL, columns->data[0], columns->data[1]};
    if (!dominators_find(dominators, &flow, memory) || !dominators_columns(dominators))
        return false;
    for (uint32_t place = 0; place < dominators->reached; place++)
        dominators->bytes[place] = columns->data[2][dominators->vertex[place]];
    return dominators_retain(dominators);
}

PyObject *
dominators_of_call(State *state, PyObject *const *args, Py_ssize_t given)
{
    Columns32 columns = {.held = 0};
    Dominators dominators = {0};
    Memory memory = {.fail_after = state->memory.fail_after};
    PyObject *result = NULL;
    bool good;
    if (given != 3)
        return PyErr_Format(PyExc_TypeError, "3 arguments are needed, not %zd", given);
    if (hold(&columns, args, 3)) {
        Py_BEGIN_ALLOW_THREADS
        good = find(&dominators, &columns, &memory);
        Py_END_ALLOW_THREADS
        result = good ? by_vertex(&dominators) : PyErr_NoMemory();
    }
    dominators_free(&dominators);
    let_go(&columns);
    return result;
}
