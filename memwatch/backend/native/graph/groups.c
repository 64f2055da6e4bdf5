/* The nodes that are no objects: groups of roots, threads, running functions. See graph.h.
 *
 * What threads hold is read from the frames themselves, as search/threads.c does, and no frame object is made. */
#include "graph/names.h"

#define MOST_FRAMES 2000 /* of a thread; what is held farther out is told as the last one's */

static bool
fail(Graph *graph)
{
    graph->walk.failed = true;
    return false;
}

uint32_t
group_add(Graph *graph, uint32_t name)
{
    RootGroup *group = row_add(graph->walk.memory, &graph->groups);
    if (group == NULL) {
        fail(graph);
        return 0;
    }
    *group = (RootGroup){.name = name};
    return (uint32_t)graph->groups.used - 1;
}

bool
group_link(Graph *graph, uint32_t number, GroupEdge edge)
{
    GroupEdge *place = row_add(graph->walk.memory, &graph->group_edges);
    if (place == NULL || graph->walk.failed)
        return fail(graph);
    *place = edge;
    uint32_t added = (uint32_t)graph->group_edges.used;
    RootGroup *group = group_at(graph, number);
    if (group->last)
        ((GroupEdge *)graph->group_edges.data)[group->last - 1].next = added;
    else
        group->first = added;
    group->last = added;
    group->edges++;
    return true;
}

bool
group_hold(Graph *graph, uint32_t group, GroupEdgeKind kind, uint32_t name, const void *object)
{
    uint32_t node = object ? node_of(graph, object) : NO_NODE;
    if (node == NO_NODE || graph->flags[node] & NODE_FOLDED)
        return true;
    return group_link(graph, group, (GroupEdge){.target = node, .name = name, .kind = (uint8_t)kind});
}

/* ---- threads ---- */

static bool
hold_value(Graph *graph, uint32_t group, uint32_t name, PyObject *value)
{
    return group_hold(graph, group, GROUP_VARIABLE, name, value);
}

static bool
hold_frame(Graph *graph, uint32_t group, const InterpreterFrame *frame, bool calls)
{
    Strings *strings = &graph->strings;
    const PyCodeObject *code = running_code(frame);
    bool good = true;
    for (int place = 0; good && place < code->co_nlocalsplus; place++) {
        PyObject *name = PyTuple_GET_ITEM(code->co_localsplusnames, place);
        good = hold_value(graph, group, string_of_object(strings, name), object_of(frame->values[place]));
    }
    uint32_t computed = string_of(strings, "(value in use)");
    Py_ssize_t top = values_there(frame, code, calls);
    for (Py_ssize_t place = code->co_nlocalsplus; good && place < top; place++)
        good = group_hold(graph, group, GROUP_INTERNAL, computed, object_of(frame->values[place]));
    PyObject *names = frame->names != frame->globals ? frame->names : NULL;
    return good && group_hold(graph, group, GROUP_INTERNAL, string_of(strings, "(namespace)"), names) &&
           group_hold(graph, group, GROUP_INTERNAL, string_of(strings, "(globals)"), frame->globals) &&
           group_hold(graph, group, GROUP_INTERNAL, string_of(strings, "(function)"), object_of(frame->function)) &&
           group_hold(graph, group, GROUP_INTERNAL, string_of(strings, "(code)"), object_of(frame->code));
}

static bool
add_frames(Graph *graph, uint32_t thread, const PyThreadState *state)
{
    bool calls = false, good = true;
    uint32_t group = 0, frames = 0;
    for (const InterpreterFrame *frame = innermost_frame(state); good && frame;
         calls = code_of(frame) != NULL, frame = frame->previous) {
        PyCodeObject *code = running_code(frame);
        if (code == NULL)
            continue;
        if (frames++ < MOST_FRAMES) {
            group = group_add(graph, name_code(graph, code, frame->globals));
            good = group_link(graph, thread, (GroupEdge){group, frames - 1, 0, GROUP_ELEMENT, true});
        }
        good = good && hold_frame(graph, group, frame, calls);
    }
    return good;
}

static bool
add_state(Graph *graph, uint32_t thread, const PyThreadState *state)
{
    Strings *strings = &graph->strings;
    bool good = group_hold(graph, thread, GROUP_INTERNAL, string_of(strings, "(context variables)"), state->context);
    uint32_t handled = string_of(strings, "(error being handled)");
    for (_PyErr_StackItem *item = state->exc_info; good && item; item = item->previous_item)
        good = group_hold(graph, thread, GROUP_INTERNAL, handled, item->exc_value);
    return good && group_hold(graph, thread, GROUP_INTERNAL, string_of(strings, "(state)"), state->dict) &&
           group_hold(graph, thread, GROUP_INTERNAL, string_of(strings, "(profiler)"), state->c_profileobj) &&
           group_hold(graph, thread, GROUP_INTERNAL, string_of(strings, "(tracer)"), state->c_traceobj);
}

/* What the program calls the thread; NULL if it has no name. */
static PyObject *
thread_name(const Graph *graph, const PyThreadState *state)
{
    for (Py_ssize_t place = 0; place < PyList_GET_SIZE(graph->wanted.threads); place++) {
        PyObject *pair = PyList_GET_ITEM(graph->wanted.threads, place);
        if (PyLong_AsUnsignedLong(PyTuple_GET_ITEM(pair, 0)) == state->thread_id)
            return PyTuple_GET_ITEM(pair, 1);
    }
    return NULL;
}

bool
graph_threads(Graph *graph, uint32_t group)
{
    bool good = true;
    PyThreadState *state = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; good && state; state = PyThreadState_Next(state)) {
        PyObject *text = thread_name(graph, state);
        uint32_t name = text ? string_of_object(&graph->strings, text) : string_of(&graph->strings, "thread");
        uint32_t thread = group_add(graph, name);
        good = group_link(graph, group, (GroupEdge){thread, name, 0, GROUP_PROPERTY, true}) &&
               add_frames(graph, thread, state) && add_state(graph, thread, state);
    }
    return good;
}
