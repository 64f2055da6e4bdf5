/* What all census functions do: see call.h, and module.c for the steps. */
#include "call.h"

/* ---- arguments ---- */

static bool
read_ids(Memory *memory, Pointers *set, PyObject *ids)
{
    PyObject *each = PyObject_GetIter(ids), *id;
    bool good = each != NULL;
    while (good && (id = PyIter_Next(each))) {
        void *pointer = PyLong_AsVoidPtr(id);
        good = !(pointer == NULL && PyErr_Occurred());
        if (good && !pointers_enter(memory, set, pointer)) {
            PyErr_NoMemory();
            good = false;
        }
        Py_DECREF(id);
    }
    Py_XDECREF(each);
    return good && !PyErr_Occurred();
}

static bool
leave_out(Walk *walk, PyObject *sequence)
{
    if (!PyTuple_Check(sequence) && !PyList_Check(sequence)) {
        PyErr_SetString(PyExc_TypeError, "objects to leave out come in a tuple or a list");
        return false;
    }
    bool good = PySequence_Fast_GET_SIZE(sequence) == 0 || walk_leave_out(walk, sequence);
    for (Py_ssize_t place = 0; good && place < PySequence_Fast_GET_SIZE(sequence); place++)
        good = walk_leave_out(walk, PySequence_Fast_GET_ITEM(sequence, place));
    return good || PyErr_NoMemory();
}

void
call_end(State *state, Call *call)
{
    if (call->held)
        result_let_go(&call->walk);
    columns_free(&call->columns);
    walk_free(&call->walk);
    Py_XDECREF((PyObject *)call->snapshot);
    pointers_free(&state->memory, &call->own);
    pointers_free(&state->memory, &call->parts);
}

/* An empty one. The collector does not track it, so that it stands in none of its lists. */
static Snapshot *
new_snapshot(State *state)
{
    if (state->snapshot_type == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the extension is unloaded already");
        return NULL;
    }
    return (Snapshot *)state->snapshot_type->tp_alloc(state->snapshot_type, 0);
}

/* From what was walked, with what becomes of births at this moment. */
static bool
take_snapshot(State *state, Call *call, const Asked *asked)
{
    Snapshot *made = call->snapshot;
    if (!snapshot_fill(made, &call->walk, &state->collector, asked->births || asked->since))
        return false;
    if (asked->since && !snapshot_settle(&state->memory, asked->since, made))
        return false;
    made->watched = asked->births;
    if (asked->births)
        made->epoch = births_begin(&state->collector);
    return true;
}

int
call_begin(State *state, Call *call, const Asked *asked, Wanted wanted)
{
    Memory *memory = &state->memory;
    memset(call, 0, sizeof(*call));
    memory->peak = memory->now;
    call->walk.memory = memory;
    if (wanted == SNAPSHOT && (!(call->snapshot = new_snapshot(state)) || (asked->births && !births_prepare())))
        return -1;
    if (!read_ids(memory, &call->own, asked->own_types) || !read_ids(memory, &call->parts, asked->part_types))
        return -1;
    if (state->collector.behind->collecting)
        return 0;
    if (!walk_begin(&call->walk, memory, &state->measures, &call->own, &call->parts)) {
        PyErr_NoMemory();
        return -1;
    }
    call->walk.kinds.array_type = state->array_type;
    call->walk.deep = call->walk.types = asked->deep;
    call->walk.marking = asked->deep || wanted != TOTALS;
    call->walk.counting = wanted != LISTING;
    call->walk.noting = wanted == SNAPSHOT;
    if (!births_leave_out(&call->walk)) {
        PyErr_NoMemory();
        return -1;
    }
    return leave_out(&call->walk, asked->records) && leave_out(&call->walk, asked->exclude) ? 1 : -1;
}

/* Steps 1 to 3; answers as call_begin() does. */
static int
call_walk(State *state, Call *call, const Asked *asked, Wanted wanted)
{
    Memory *memory = &state->memory;
    int begun = call_begin(state, call, asked, wanted);
    if (begun <= 0)
        return begun;
    if (!walk_run(&call->walk, &state->collector))
        goto no_memory;
    if (wanted == LISTING && !columns_fill(&call->columns, &call->walk))
        goto no_memory;
    if (wanted == SNAPSHOT && !take_snapshot(state, call, asked))
        goto no_memory;
    result_hold(&call->walk);
    call->held = true;
    marks_free(memory, &call->walk.marks);
    return 1;
no_memory:
    PyErr_NoMemory();
    return -1;
}

bool
call_read(Asked *asked, PyObject *const *args, Py_ssize_t given, Py_ssize_t wanted)
{
    if (given != wanted) {
        PyErr_Format(PyExc_TypeError, "%zd arguments are needed, not %zd", wanted, given);
        return false;
    }
    *asked = (Asked){PyObject_IsTrue(args[0]), args[1], args[2], args[3], args[4], 0, NULL};
    return asked->deep >= 0;
}

/* The two arguments that a snapshot has in addition. */
static bool
read_births(State *state, Asked *asked, PyObject *births, PyObject *since)
{
    asked->births = PyObject_IsTrue(births);
    if (asked->births < 0 || since == Py_None)
        return asked->births >= 0;
    asked->since = Py_IS_TYPE(since, state->snapshot_type) ? (Snapshot *)since : NULL;
    if (asked->since && asked->since->watched)
        return true;
    PyErr_SetString(PyExc_ValueError, "since is no snapshot that was taken with births");
    return false;
}

/* Step 4 by what is wanted; a listing needs two functions. */
static PyObject *
call_result(Call *call, Wanted wanted, PyObject *const *functions)
{
    if (wanted == LISTING)
        return result_listing(&call->columns, functions[0], functions[1]);
    PyObject *totals = result_totals(&call->walk);
    if (wanted == TOTALS || totals == NULL)
        return totals;
    PyObject *pair = PyTuple_Pack(2, (PyObject *)call->snapshot, totals);
    Py_DECREF(totals);
    return pair;
}

PyObject *
call_run(State *state, PyObject *const *args, Py_ssize_t given, Wanted wanted)
{
    Asked asked;
    Call call;
    PyObject *result = NULL;
    if (!call_read(&asked, args, given, wanted == TOTALS ? 5 : 7))
        return NULL;
    if (wanted == SNAPSHOT && !read_births(state, &asked, args[5], args[6]))
        return NULL;
    int walked = call_walk(state, &call, &asked, wanted);
    if (walked > 0)
        result = call_result(&call, wanted, args + 5);
    else if (walked == 0)
        result = Py_NewRef(Py_None);
    call_end(state, &call);
    return result;
}
