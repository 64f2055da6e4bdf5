/* The request of a search: a dict, as `SearchRequest` in _native.pyi says, read and checked in one place. See search.h.
 *
 * own_types, the ids of memwatch's classes, and array_type, numpy's or None, say what is what. hidden is a list of what
 * is left out besides. The walk begins at modules, a list, then at what threads hold, and comes last to what late
 * names: a namespace, what of it, and so on.
 *
 * mode says what is new: 0 what is not given, 1 what is given, 2 what is of the types given. given and grown (or None)
 * are buffers of addresses: grown has those in which something untracked may be new.
 *
 * named places are told, with so many branches, other ways to one object. near is 0, or so many references are looked
 * at, and most objects visited, near to the modules, or to the threads if there are none. */
#include "search/search.h"

#include <string.h>

/* The values of the dict, borrowed from it. */
typedef struct {
    PyObject *own_types;
    PyObject *hidden;
    PyObject *modules;
    PyObject *late;
    int mode;
    PyObject *given;
    PyObject *grown;
    unsigned long main_thread;
    PyObject *array_type;
    Py_ssize_t most;
    Py_ssize_t named;
    Py_ssize_t branches;
    Py_ssize_t near;
} Request;

static bool
request_read(Request *request, PyObject *asked)
{
    static char *names[] = {"own_types",   "hidden",     "modules", "late",  "mode",     "given", "grown",
                            "main_thread", "array_type", "most",    "named", "branches", "near",  NULL};
    if (!PyDict_Check(asked)) {
        PyErr_SetString(PyExc_TypeError, "a request is a dict");
        return false;
    }
    PyObject *none = PyTuple_New(0);
    bool good = none && PyArg_ParseTupleAndKeywords(
                            none, asked, "OO!O!O!iOOkOnnnn:search", names, &request->own_types, &PyList_Type,
                            &request->hidden, &PyList_Type, &request->modules, &PyList_Type, &request->late,
                            &request->mode, &request->given, &request->grown, &request->main_thread,
                            &request->array_type, &request->most, &request->named, &request->branches, &request->near);
    Py_XDECREF(none);
    return good;
}

static bool
read_addresses(Search *search, PyObject *buffer, Pointers *set)
{
    Py_buffer view;
    if (PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE) < 0)
        return false;
    Memory *memory = search->walk.memory;
    bool good = true;
    for (Py_ssize_t at = 0; good && at + (Py_ssize_t)sizeof(uint64_t) <= view.len; at += sizeof(uint64_t)) {
        uint64_t address;
        memcpy(&address, (char *)view.buf + at, sizeof(address));
        if (set)
            good = address == 0 || pointers_enter(memory, set, (void *)address);
        else
            good = address >> ADDRESS_BITS || marks_add(memory, &search->given, (void *)address) >= 0;
    }
    PyBuffer_Release(&view);
    return good || PyErr_NoMemory();
}

static bool
read_own(Search *search, PyObject *ids, Pointers *own)
{
    PyObject *each = PyObject_GetIter(ids), *id;
    bool good = each != NULL;
    while (good && (id = PyIter_Next(each))) {
        void *pointer = PyLong_AsVoidPtr(id);
        Py_DECREF(id);
        good = !PyErr_Occurred() && (pointers_enter(search->walk.memory, own, pointer) || PyErr_NoMemory());
    }
    Py_XDECREF(each);
    return good && !PyErr_Occurred();
}

/* What Python has made for the request is memwatch's own. */
static bool
leave_out(Search *search, PyObject *asked, const Request *request)
{
    PyObject *made[] = {asked,         request->own_types, request->hidden, request->modules,
                        request->late, request->given,     request->grown};
    for (size_t which = 0; which < Py_ARRAY_LENGTH(made); which++)
        if (!walk_leave_out(&search->walk, made[which]))
            return PyErr_NoMemory();
    for (Py_ssize_t place = 0; place < PyList_GET_SIZE(request->hidden); place++)
        if (!walk_leave_out(&search->walk, PyList_GET_ITEM(request->hidden, place)))
            return PyErr_NoMemory();
    return true;
}

static bool
read_late(Search *search, PyObject *late)
{
    for (Py_ssize_t place = 0; place + 1 < PyList_GET_SIZE(late); place += 2) {
        PyObject *names = PyList_GET_ITEM(late, place), *held = PyList_GET_ITEM(late, place + 1);
        Pointer *entry = pointers_enter(search->walk.memory, &search->late, held);
        if (entry == NULL)
            return PyErr_NoMemory();
        entry->number = (Py_ssize_t)names;
    }
    return true;
}

static bool
take_over(Search *search, const Request *request)
{
    search->walk.marking = true;
    search->mode = (Mode)request->mode;
    search->modules = request->modules;
    search->main_thread = request->main_thread;
    search->most = (size_t)request->most;
    search->named = (size_t)request->named;
    search->branches = (size_t)request->branches;
    search->near = (size_t)request->near;
    search->array_type = PyType_Check(request->array_type) ? (PyTypeObject *)request->array_type : NULL;
    search->only_in_grown = request->grown != Py_None;
    Pointers *types = search->mode == NEW_OF_TYPES ? &search->types : NULL;
    if (request->given != Py_None && !read_addresses(search, request->given, types))
        return false;
    return !search->only_in_grown || read_addresses(search, request->grown, &search->grown);
}

bool
search_prepare(Search *search, State *state, PyObject *asked, Pointers *own)
{
    Request request;
    if (!request_read(&request, asked))
        return false;
    search->walk.memory = &state->memory;
    state->memory.peak = state->memory.now;
    if (!search_begin(search, state, own))
        return PyErr_NoMemory();
    return read_own(search, request.own_types, own) && take_over(search, &request) &&
           leave_out(search, asked, &request) && read_late(search, request.late);
}
