/* memwatch.backend._native: the census in C. The sampler, in the folder sampling, is offered here as well.
 *
 * One module object for each interpreter, with all state in one struct. Nothing is offered before check.c has found
 * the interpreter to be what the extension was built for.
 *
 * A call goes through four steps, and holds the GIL through all of them:
 * 1. read the arguments, which may run Python code;
 * 2. walk, which runs none, allocates nothing from Python, and cannot be interrupted;
 * 3. hold what the result names, and free the marks;
 * 4. make the result.
 * The Python side is memwatch/backend/census/exact.py, which gives the types their labels. */
#include "core/attributes.h"
#include "census/check.h"
#include "census/child.h"
#include "census/result.h"
#include "meters/arenas.h"
#include "sampling/methods.h"
#include "search/search.h"
#include "identity/snapshot.h"
#include "gc_callback.h"
#include "malloc_bytes.h"

static State *
state_of(PyObject *module)
{
    return PyModule_GetState(module);
}

/* ---- arguments ---- */

/* What the census functions take. */
typedef struct {
    int deep;
    PyObject *own_types;  /* ids */
    PyObject *part_types; /* ids */
    PyObject *records;    /* a list of objects that are never counted */
    PyObject *exclude;    /* a sequence of such objects */
    int births;           /* watch them from the snapshot on */
    Snapshot *since;      /* to be settled by the snapshot, or NULL */
} Asked;

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

/* ---- the calls ---- */

/* What one call has in hand. */
typedef struct {
    Walk walk;
    Pointers own;
    Pointers parts;
    Columns columns;
    Snapshot *snapshot; /* to be filled */
    bool held;
} Call;

typedef enum { TOTALS, LISTING, SNAPSHOT } Wanted;

static void
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
    if (!snapshot_fill(made, &call->walk, state->collector, asked->births || asked->since))
        return false;
    if (asked->since && !snapshot_settle(&state->memory, asked->since, made))
        return false;
    made->watched = asked->births;
    if (asked->births)
        made->epoch = births_begin(state->collector);
    return true;
}

/* Step 1. -1 with an exception, 0 if the collector is at work and its lists are apart, 1 if all is well. */
static int
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
    if (state->collector->collecting)
        return 0;
    if (!walk_begin(&call->walk, memory, &state->measures, &call->own, &call->parts)) {
        PyErr_NoMemory();
        return -1;
    }
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
    if (!walk_run(&call->walk, state->collector))
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

/* The arguments come as a row, because a tuple of them would be an object more on the heap. */
static bool
read_arguments(Asked *asked, PyObject *const *args, Py_ssize_t given, Py_ssize_t wanted)
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

static PyObject *
run_call(PyObject *module, PyObject *const *args, Py_ssize_t given, Wanted wanted)
{
    State *state = state_of(module);
    Asked asked;
    Call call;
    PyObject *result = NULL;
    if (!read_arguments(&asked, args, given, wanted == TOTALS ? 5 : 7))
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

PyDoc_STRVAR(count_doc, "count(deep, own_types, part_types, records, exclude)\n--\n\n"
                        "[(type, objects, bytes, number), ...], or None while the collector is at work.");

static PyObject *
count(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return run_call(module, args, given, TOTALS);
}

PyDoc_STRVAR(listing_doc, "listing(deep, own_types, part_types, records, exclude, name, copy)\n--\n\n"
                          "(addresses, kinds, sizes), columns with a row for each object in order of address, or None\n"
                          "while the collector is at work. name(types) gives a number for each type, in a list;\n"
                          "copy(typecode, memoryview) makes a column, and keeps no view.");

static PyObject *
listing(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return run_call(module, args, given, LISTING);
}

PyDoc_STRVAR(snapshot_doc, "snapshot(deep, own_types, part_types, records, exclude, births, since)\n--\n\n"
                           "(Snapshot, what count() gives), or None while the collector is at work. births: watch\n"
                           "them from now on. since: an earlier snapshot with births that this one ends, or None.");

static PyObject *
snapshot(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return run_call(module, args, given, SNAPSHOT);
}

PyDoc_STRVAR(in_child_doc, "count_in_child(deep, own_types, part_types, records, exclude, patience)\n--\n\n"
                           "([(label, objects, bytes), ...], pause) as a forked child counts them, or None while the\n"
                           "collector is at work; the pause is the seconds that making the child took. RuntimeError\n"
                           "where the child fails or takes longer than *patience* seconds.");

static PyObject *
count_in_child(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    State *state = state_of(module);
    Asked asked;
    Call call;
    PyObject *result = NULL;
    if (!read_arguments(&asked, args, given, 6))
        return NULL;
    double patience = PyFloat_AsDouble(args[5]);
    if (patience == -1.0 && PyErr_Occurred())
        return NULL;
    int begun = call_begin(state, &call, &asked, TOTALS);
    if (begun > 0)
        result = child_totals(&call.walk, state->collector, patience);
    else if (begun == 0)
        result = Py_NewRef(Py_None);
    call_end(state, &call);
    return result;
}

static PyObject *
search(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return search_call(state_of(module), args, given);
}

static PyObject *
hollow(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t given)
{
    return hollow_call(args, given);
}

PyDoc_STRVAR(attribute_name_doc, "attribute_name(object, value)\n--\n\n"
                                 "The name under which an object without a dict keeps a value; None if it does not.");

static PyObject *
attribute_name(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t given)
{
    if (given != 2) {
        PyErr_SetString(PyExc_TypeError, "attribute_name() takes an object and a value");
        return NULL;
    }
    PyObject *name = attribute_holding(args[0], args[1]);
    return Py_NewRef(name ? name : Py_None);
}

PyDoc_STRVAR(measure_doc, "measure(object)\n--\n\nThe bytes that a census counts for one object.");

static PyObject *
measure(PyObject *module, PyObject *object)
{
    State *state = state_of(module);
    Pointers none = {0};
    Walk walk;
    PyObject *result = NULL;
    Kind *kind = walk_begin(&walk, &state->memory, &state->measures, &none, &none) ? kind_of(&walk, object) : NULL;
    if (kind == NULL)
        PyErr_NoMemory();
    else
        result = PyLong_FromSsize_t(kind->rule == SIZE_MEASURED ? size_by_method(kind, object) : size_of(kind, object));
    walk_free(&walk);
    return result;
}

PyDoc_STRVAR(peak_doc, "peak_bytes()\n--\n\nThe most memory that the last walk held at once.");

static PyObject *
peak_bytes(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromSize_t(state_of(module)->memory.peak);
}

PyDoc_STRVAR(malloc_doc, "malloc_bytes()\n--\n\nWhat malloc has handed out; None where it does not tell.");

PyDoc_STRVAR(fail_doc, "fail_after(mappings)\n--\n\nFor tests: out of memory after so many mappings; -1 is never.\n"
                       "Answers how many were left.");

static PyObject *
fail_after(PyObject *module, PyObject *number)
{
    Memory *memory = &state_of(module)->memory;
    long left = memory->fail_after, wanted = PyLong_AsLong(number);
    if (wanted == -1 && PyErr_Occurred())
        return NULL;
    memory->fail_after = births.memory.fail_after = wanted;
    return PyLong_FromLong(left);
}

/* ---- the module ---- */

static PyMethodDef methods[] = {
    {"count", (PyCFunction)(void (*)(void))count, METH_FASTCALL, count_doc},
    {"count_in_child", (PyCFunction)(void (*)(void))count_in_child, METH_FASTCALL, in_child_doc},
    {"listing", (PyCFunction)(void (*)(void))listing, METH_FASTCALL, listing_doc},
    {"snapshot", (PyCFunction)(void (*)(void))snapshot, METH_FASTCALL, snapshot_doc},
    {"search", (PyCFunction)(void (*)(void))search, METH_FASTCALL, search_doc},
    {"hollow", (PyCFunction)(void (*)(void))hollow, METH_FASTCALL, hollow_doc},
    {"attribute_name", (PyCFunction)(void (*)(void))attribute_name, METH_FASTCALL, attribute_name_doc},
    {"measure", measure, METH_O, measure_doc},
    {"malloc_bytes", malloc_bytes, METH_NOARGS, malloc_doc},
    {"peak_bytes", peak_bytes, METH_NOARGS, peak_doc},
    {"fail_after", fail_after, METH_O, fail_doc},
    {NULL, NULL, 0, NULL},
};

static int
add_type(PyObject *module, PyObject *type)
{
    int added = type ? PyModule_AddType(module, (PyTypeObject *)type) : -1;
    Py_XDECREF(type);
    return added;
}

static int
execute(PyObject *module)
{
    State *state = state_of(module);
    *state = (State){.memory = {.fail_after = -1}};
    if (!check_interpreter(state) || !arenas_find() || PyModule_AddFunctions(module, sampling_methods) < 0 ||
        PyModule_AddFunctions(module, arenas_methods) < 0)
        return -1;
    if (PyModule_AddObjectRef(module, "knows_frames", state->knows_frames ? Py_True : Py_False) < 0)
        return -1;
    state->snapshot_type = (PyTypeObject *)snapshot_type(module);
    if (state->snapshot_type == NULL || PyModule_AddType(module, state->snapshot_type) < 0)
        return -1;
    return add_type(module, trigger_type(module));
}

static int
traverse(PyObject *module, visitproc visit, void *arg)
{
    Py_VISIT(state_of(module)->snapshot_type);
    return 0;
}

static int
clear(PyObject *module)
{
    Py_CLEAR(state_of(module)->snapshot_type);
    return 0;
}

static void
release(void *module)
{
    clear(module);
    births_forget();
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "memwatch.backend._native",
    .m_doc = "The census in C; see memwatch/backend/census/contract.py for what it has to give.",
    .m_size = sizeof(State),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = release,
};

PyMODINIT_FUNC
PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
