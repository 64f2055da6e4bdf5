/* What the functions that look at the whole heap as a graph are given by Python. See asked.h. */
#include "graph/asked.h"

bool
asked_leave_out(Walk *walk, PyObject *argument)
{
    if (!walk_leave_out(walk, argument))
        return PyErr_NoMemory();
    if (!PyTuple_CheckExact(argument) && !PyList_CheckExact(argument))
        return true;
    for (Py_ssize_t place = 0; place < PySequence_Fast_GET_SIZE(argument); place++)
        if (!walk_leave_out(walk, PySequence_Fast_GET_ITEM(argument, place)))
            return PyErr_NoMemory();
    return true;
}

/* Read what they share, and leave out of the walk what was made for the call; false with an exception. */
static bool
read_shared(State *state, Graph *graph, Walk *walk, PyObject *const *args)
{
    PyObject *groups = args[GROUPS], *threads = args[THREADS], *array_type = args[ARRAYS];
    bool good = PyTuple_Check(groups) && PyTuple_GET_SIZE(groups) == 3 && PyList_Check(threads);
    for (Py_ssize_t place = 0; good && place < 3; place++)
        good = PyList_Check(PyTuple_GET_ITEM(groups, place));
    if (!good) {
        PyErr_SetString(PyExc_TypeError, "groups are three lists in a tuple, threads are a list");
        return false;
    }
    graph->collector = &state->collector;
    graph->wanted = (GraphOptions){
        .groups = groups,
        .threads = threads,
        .array_type = PyType_Check(array_type) ? (PyTypeObject *)array_type : NULL,
        .fold = true,
    };
    return asked_leave_out(walk, threads) && walk_leave_out(walk, groups) &&
           asked_leave_out(walk, PyTuple_GET_ITEM(groups, 0)) && asked_leave_out(walk, PyTuple_GET_ITEM(groups, 1)) &&
           asked_leave_out(walk, PyTuple_GET_ITEM(groups, 2));
}

bool
asked_build(Graph *graph)
{
    graph->walk.counting = false;
    bool good = graph->strings.memory || strings_begin(&graph->strings, graph->walk.memory);
    return good && walk_run(&graph->walk, graph->collector) && graph_nodes(graph) && graph_edges(graph) &&
           graph_folding(graph) && graph_roots(graph);
}

static PyObject *
by_child(State *state, void *hand, const GraphFunction *function, double patience, PyObject *ask)
{
    Answer answer;
    PyObject *found = NULL;
    if (child_ask(&answer, function->work_and_send, hand, patience, ask))
        found = function->hear(state, hand, &answer);
    PyObject *result = found ? Py_BuildValue("(Nddd)", found, answer.pause, answer.price, answer.work) : NULL;
    answer_free(&answer);
    return result;
}

static PyObject *
here(State *state, void *hand, const GraphFunction *function)
{
    double begun = monotonic_seconds();
    bool good = function->work(hand);
    double took = monotonic_seconds() - begun;
    graph_free(hand);
    PyObject *found = function->tell(state, hand, good);
    return found ? Py_BuildValue("(Nddd)", found, took, took, took) : NULL;
}

static PyObject *
look(State *state, Call *call, PyObject *const *args, const GraphFunction *function)
{
    double patience = PyFloat_AsDouble(args[PATIENCE]);
    if (PyErr_Occurred())
        return NULL;
    Graph *graph = PyMem_Calloc(1, function->size);
    if (graph == NULL)
        return PyErr_NoMemory();
    PyObject *result = NULL;
    if (read_shared(state, graph, &call->walk, args) && function->read(state, graph, &call->walk, args)) {
        graph->walk = call->walk;
        result = args[IN_CHILD] == Py_True ? by_child(state, graph, function, patience, args[ASK])
                                           : here(state, graph, function);
        call->walk = graph->walk;
    }
    PyMem_Free(graph);
    return result;
}

PyObject *
asked_call(State *state, PyObject *const *args, Py_ssize_t given, const GraphFunction *function)
{
    Asked asked;
    Call call;
    PyObject *result = NULL;
    if (!call_read(&asked, args, given, function->arguments))
        return NULL;
    int begun = call_begin(state, &call, &asked, TOTALS);
    call.walk.kinds.array_type = NULL; /* the graph follows arrays itself, by their edges */
    if (begun > 0)
        result = look(state, &call, args, function);
    else if (begun == 0)
        result = Py_NewRef(Py_None);
    call_end(state, &call);
    return result;
}
