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

bool
asked_read(State *state, Graph *graph, Walk *walk, PyObject *const *args)
{
    PyObject *groups = args[GROUPS], *threads = args[THREADS], *array_type = args[ARRAYS];
    bool good = PyTuple_Check(groups) && PyTuple_GET_SIZE(groups) == 2 && PyList_Check(threads) &&
                PyList_Check(PyTuple_GET_ITEM(groups, 0)) && PyList_Check(PyTuple_GET_ITEM(groups, 1));
    if (!good) {
        PyErr_SetString(PyExc_TypeError, "groups are two lists in a tuple, threads are a list");
        return false;
    }
    graph->collector = state->collector;
    graph->wanted = (GraphOptions){
        .groups = groups,
        .threads = threads,
        .array_type = PyType_Check(array_type) ? (PyTypeObject *)array_type : NULL,
        .fold = true,
    };
    return asked_leave_out(walk, threads) && walk_leave_out(walk, groups) &&
           asked_leave_out(walk, PyTuple_GET_ITEM(groups, 0)) && asked_leave_out(walk, PyTuple_GET_ITEM(groups, 1));
}

bool
asked_build(Graph *graph)
{
    graph->walk.counting = false;
    bool good = graph->strings.memory || strings_begin(&graph->strings, graph->walk.memory);
    return good && walk_run(&graph->walk, graph->collector) && graph_nodes(graph) && graph_edges(graph) &&
           graph_folding(graph) && graph_roots(graph);
}
