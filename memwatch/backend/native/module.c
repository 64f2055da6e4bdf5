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
#include "call.h"
#include "core/attributes.h"
#include "gc_callback.h"
#include "graph/dominance.h"
#include "graph/dump.h"
#include "look.h"
#include "main_thread.h"
#include "meters/malloc.h"
#include "meters/arenas.h"
#include "meters/sqlite.h"
#include "sampling/methods.h"
#include "search/search.h"
#include "signal_flag.h"

static State *
state_of(PyObject *module)
{
    return PyModule_GetState(module);
}

/* ---- the calls ---- */

PyDoc_STRVAR(count_doc, "count(deep, own_types, part_types, records, exclude)\n--\n\n"
                        "[(type, objects, bytes, number), ...], or None while the collector is at work.");

static PyObject *
count(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return call_run(state_of(module), args, given, TOTALS);
}

PyDoc_STRVAR(listing_doc, "listing(deep, own_types, part_types, records, exclude, name, copy)\n--\n\n"
                          "(addresses, kinds, sizes), columns with a row for each object in order of address, or None\n"
                          "while the collector is at work. name(types) gives a number for each type, in a list;\n"
                          "copy(typecode, memoryview) makes a column, and keeps no view.");

static PyObject *
listing(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return call_run(state_of(module), args, given, LISTING);
}

PyDoc_STRVAR(snapshot_doc, "snapshot(deep, own_types, part_types, records, exclude, births, since)\n--\n\n"
                           "(Snapshot, what count() gives), or None while the collector is at work. births: watch\n"
                           "them from now on. since: an earlier snapshot with births that this one ends, or None.");

static PyObject *
snapshot(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return call_run(state_of(module), args, given, SNAPSHOT);
}

static PyObject *
count_in_child(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return count_in_child_call(state_of(module), args, given);
}

static PyObject *
look_in_child(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return look_in_child_call(state_of(module), args, given);
}

static PyObject *
write_graph(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return dump_call(state_of(module), args, given);
}

static PyObject *
retained(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return retained_call(state_of(module), args, given);
}

static PyObject *
retained_of(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return retained_of_call(state_of(module), args, given);
}

static PyObject *
dominators_of(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return dominators_of_call(state_of(module), args, given);
}

static PyObject *
search(PyObject *module, PyObject *request)
{
    return search_call(state_of(module), request);
}

static PyObject *
tracked_at(PyObject *module, PyObject *types)
{
    return tracked_at_call(state_of(module), types);
}

static PyObject *
untracked_referents(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t given)
{
    return untracked_referents_call(args, given);
}

PyDoc_STRVAR(know_arrays_doc, "know_arrays(type)\n--\n\nnumpy's array type, or None: what its arrays hold is counted.");

static PyObject *
know_arrays(PyObject *module, PyObject *type)
{
    State *state = state_of(module);
    Py_XSETREF(state->array_type, PyType_Check(type) ? (PyTypeObject *)Py_NewRef(type) : NULL);
    state->measures.array_type = state->array_type;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(attributes_doc, "attributes(object)\n--\n\n"
                             "The names and values that an object without a dict keeps in itself, as a list of pairs.");

static PyObject *
attributes(PyObject *Py_UNUSED(module), PyObject *object)
{
    return attributes_of(object);
}

static PyObject *
held(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    return held_call(state_of(module), args, given);
}

PyDoc_STRVAR(key_of_doc, "key_of(dict, object, is_key)\n--\n\n"
                         "A tuple of the last key under which *object* is stored in a dict, or which *is_key* itself; "
                         "None without one.");

static PyObject *
key_of(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t given)
{
    PyObject *key, *value, *found = NULL;
    Py_ssize_t position = 0;
    if (given != 3)
        return PyErr_Format(PyExc_TypeError, "3 arguments are needed, not %zd", given);
    while (PyDict_Next(args[0], &position, &key, &value)) /* of millions of objects, none is touched */
        if ((args[2] == Py_True ? key : value) == args[1])
            found = key;
    if (found == NULL)
        Py_RETURN_NONE;
    Py_INCREF(found); /* before 3.12 to make a tuple may collect, and so end the key */
    PyObject *made = PyTuple_Pack(1, found);
    Py_DECREF(found);
    return made;
}

PyDoc_STRVAR(some_values_doc, "some_values(dict, every)\n--\n\n"
                              "The first value of a dict, and each one that comes *every* so many items after it.");

static PyObject *
some_values(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t given)
{
    PyObject *value;
    Py_ssize_t position = 0, every = given == 2 ? PyLong_AsSsize_t(args[1]) : 0;
    if (every < 1)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "a dict and a number above 0 are needed");
    PyObject *found = PyList_New(0);
    for (Py_ssize_t number = 0; found && PyDict_Next(args[0], &position, NULL, &value); number++)
        if (number % every == 0 && PyList_Append(found, value) < 0)
            Py_CLEAR(found);
    return found;
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
    {"count_in_child", (PyCFunction)(void (*)(void))count_in_child, METH_FASTCALL, count_in_child_doc},
    {"look_in_child", (PyCFunction)(void (*)(void))look_in_child, METH_FASTCALL, look_in_child_doc},
    {"write_graph", (PyCFunction)(void (*)(void))write_graph, METH_FASTCALL, dump_doc},
    {"retained", (PyCFunction)(void (*)(void))retained, METH_FASTCALL, retained_doc},
    {"retained_of", (PyCFunction)(void (*)(void))retained_of, METH_FASTCALL, retained_of_doc},
    {"dominators_of", (PyCFunction)(void (*)(void))dominators_of, METH_FASTCALL, dominators_of_doc},
    {"listing", (PyCFunction)(void (*)(void))listing, METH_FASTCALL, listing_doc},
    {"snapshot", (PyCFunction)(void (*)(void))snapshot, METH_FASTCALL, snapshot_doc},
    {"search", search, METH_O, search_doc},
    {"tracked_at", tracked_at, METH_O, tracked_at_doc},
    {"untracked_referents", (PyCFunction)(void (*)(void))untracked_referents, METH_FASTCALL, untracked_referents_doc},
    {"attributes", attributes, METH_O, attributes_doc},
    {"know_arrays", know_arrays, METH_O, know_arrays_doc},
    {"held", (PyCFunction)(void (*)(void))held, METH_FASTCALL, held_doc},
    {"key_of", (PyCFunction)(void (*)(void))key_of, METH_FASTCALL, key_of_doc},
    {"some_values", (PyCFunction)(void (*)(void))some_values, METH_FASTCALL, some_values_doc},
    {"measure", measure, METH_O, measure_doc},
    {"call_in_main", call_in_main, METH_O, call_in_main_doc},
    {"signal_flag", signal_flag, METH_O, signal_flag_doc},
    {"signals_seen", signals_seen, METH_NOARGS, signals_seen_doc},
    {"malloc_bytes", malloc_bytes, METH_NOARGS, malloc_doc},
    {"sqlite_page_bytes", sqlite_page_bytes, METH_O, sqlite_page_bytes_doc},
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
    *state = (State){.memory = {.fail_after = -1}, .numbers = {.fail_after = -1}};
    if (!check_interpreter(state) || !arenas_find() || PyModule_AddFunctions(module, sampling_methods) < 0 ||
        PyModule_AddFunctions(module, arenas_methods) < 0)
        return -1;
    if (PyModule_AddObjectRef(module, "knows_frames", state->knows_frames ? Py_True : Py_False) < 0 ||
        PyModule_AddStringConstant(module, "contract", MEMWATCH_CONTRACT) < 0)
        return -1;
    state->snapshot_type = (PyTypeObject *)snapshot_type(module);
    if (state->snapshot_type == NULL || PyModule_AddType(module, state->snapshot_type) < 0)
        return -1;
    return add_type(module, callback_type(module));
}

static int
traverse(PyObject *module, visitproc visit, void *arg)
{
    Py_VISIT(state_of(module)->snapshot_type);
    Py_VISIT(state_of(module)->array_type);
    return 0;
}

static int
clear(PyObject *module)
{
    Py_CLEAR(state_of(module)->snapshot_type);
    state_of(module)->measures.array_type = NULL;
    Py_CLEAR(state_of(module)->array_type);
    return 0;
}

static void
release(void *module)
{
    clear(module);
    dump_forget(state_of(module));
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
