/* The claims of version.h, held against the interpreter that loads the extension. See check.h.
 *
 * The collector's state is found from a new list object, which stands last in the youngest generation, so that what
 * follows it is the head of that list. It is believed if its neighbours are what they have to be: the pointer to the
 * youngest generation, gc.garbage, gc.callbacks, and heads of rings that close. Dicts and attributes are believed if
 * the walk finds in them what was put there, and their sizes are what dict.__sizeof__ says. */
#include "census/check.h"

static_assert(sizeof(GCHead) == 16, "an object begins two words behind its head");
static_assert(sizeof(Generation) == 24, "generations lie side by side");
static_assert(offsetof(DictKeys, indices) == 32, "a dict's indices begin behind four words");
static_assert(offsetof(InterpreterFrame, values) <= offsetof(InterpreterFrame, owner) + 8, "values end a frame");

static bool
refuse(const char *what)
{
    PyErr_Format(PyExc_ImportError, "the C extension does not know this Python: %s is not where it should be", what);
    return false;
}

static bool
closes(GCHead *head)
{
    GCHead *first = (GCHead *)head->next, *last = (GCHead *)(head->prev & ~PREV_FLAGS);
    return first->prev == (uintptr_t)head && last->next == (uintptr_t)head;
}

/* Find what lies behind *generations*: immediately, or after a gap. */
static BehindGenerations *
find_behind(Generation *generations, PyObject *garbage, PyObject *callbacks)
{
    for (size_t gap = 0; gap <= MOST_GAP; gap += 4) {
        BehindGenerations *behind = (BehindGenerations *)((char *)(generations + GENERATIONS) + gap);
        if (behind->youngest == &generations->head && behind->garbage == garbage && behind->callbacks == callbacks)
            return behind;
    }
    return NULL;
}

static bool
find_collector(State *state, PyObject *gc)
{
    bool found = false;
    PyObject *last = PyList_New(0), *garbage = PyObject_GetAttrString(gc, "garbage");
    PyObject *callbacks = PyObject_GetAttrString(gc, "callbacks");
    if (last == NULL || garbage == NULL || callbacks == NULL)
        goto done;
    PyObject_GC_UnTrack(last);
    PyObject_GC_Track(last); /* now it stands last, whatever was made after it */
    Generation *generations = (Generation *)HEAD_OF(last)->next;
    BehindGenerations *behind = find_behind(generations, garbage, callbacks);
    if (behind == NULL) {
        refuse("the collector's state");
        goto done;
    }
    for (int generation = 0; generation < GENERATIONS; generation++)
        if (!closes(&generations[generation].head)) {
            refuse("a generation");
            goto done;
        }
    if (!closes(&behind->permanent.head)) {
        refuse("the permanent generation");
        goto done;
    }
    state->collector = (GCState){generations, behind};
    found = true;
done:
    Py_XDECREF(last);
    Py_XDECREF(garbage);
    Py_XDECREF(callbacks);
    return found;
}

static Py_ssize_t
told_size(PyObject *object)
{
    PyObject *answer = PyObject_CallMethod(object, "__sizeof__", NULL);
    Py_ssize_t bytes = answer ? PyLong_AsSsize_t(answer) : -1;
    Py_XDECREF(answer);
    return bytes;
}

/* Whether the walk sees *wanted* objects from *root*, types aside, and the right size in *root*. */
static bool
check_walk(State *state, PyObject *root, size_t wanted, const char *what)
{
    Walk walk;
    Pointers none = {0};
    Py_ssize_t bytes = given(told_size(root) + (Py_ssize_t)sizeof(GCHead));
    bool good = walk_begin(&walk, &state->memory, &state->measures, &none, &none);
    walk.deep = walk.marking = walk.counting = true;
    good = good && walk_from(&walk, root) && walk.nodes == wanted;
    Kind *kind = good ? kinds_find(&walk.kinds, Py_TYPE(root)) : NULL;
    good = kind && size_of(kind, root) == bytes;
    walk_free(&walk);
    return good || refuse(what);
}

/* *keys* and as many values, none of them anywhere else, in a dict. */
static bool
check_dict(State *state, const char *format, const char *what)
{
    bool good = false;
    PyObject *dict = Py_BuildValue(format, "memwatch 1", 1.5, "memwatch 2", 2.5, "memwatch 3", 3.5, 1LL << 40, 4.5);
    if (dict)
        good = check_walk(state, dict, 1 + 2 * (size_t)PyDict_GET_SIZE(dict), what);
    Py_XDECREF(dict);
    return good;
}

static bool
check_values(void)
{
    PyObject *type = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){}", "Probe");
    PyObject *probe = type ? PyObject_CallNoArgs(type) : NULL;
    bool good = false;
    if (probe == NULL || PyObject_SetAttrString(probe, "a", Py_None) < 0 ||
        PyObject_SetAttrString(probe, "b", Py_None) < 0 || PyObject_SetAttrString(probe, "c", Py_None) < 0)
        goto done;
    const void *values = ((PyTypeObject *)type)->tp_flags & KEEPS_VALUES ? instance_values(probe) : NULL;
    good = (values && values_used(values) == 3) || refuse("an attribute");
done:
    Py_XDECREF(probe);
    Py_XDECREF(type);
    return good;
}

/* Called by a function of two variables, of which the second is *marker* and the first that it computes with too. Only
 * the frame itself is read before it has proved to be one. */
static PyObject *
find_variable(PyObject *Py_UNUSED(module), PyObject *marker)
{
    PyFrameObject *shown = PyEval_GetFrame();
    PyCodeObject *code = shown ? PyFrame_GetCode(shown) : NULL;
    const InterpreterFrame *frame = innermost_frame(PyThreadState_Get());
    bool good = code && frame && object_of(frame->code) == (PyObject *)code && running_code(frame) == code &&
                frame->globals == PyEval_GetGlobals() && frame->object == (PyObject *)shown &&
                code->co_nlocalsplus == 2 && object_of(frame->values[1]) == marker &&
                PyTuple_GET_SIZE(code->co_localsplusnames) == 2;
    Py_ssize_t there = good ? values_there(frame, code, true) : 0;
    good = good && (there < 2 || (there > 2 && object_of(frame->values[2]) == marker));
    Py_XDECREF(code);
    return PyBool_FromLong(good);
}

/* Whether frames are what version.h says; -1 with an exception. */
static int
check_frame(void)
{
    static PyMethodDef method = {"find_variable", find_variable, METH_O, NULL};
    PyObject *globals = PyDict_New(), *call = PyCFunction_New(&method, NULL), *probe = NULL, *found = NULL;
    if (globals && call && PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) == 0)
        probe = PyRun_String("lambda call, marker: (marker, call(marker))[1]", Py_eval_input, globals, globals);
    if (probe)
        found = PyObject_CallFunctionObjArgs(probe, call, globals, NULL);
    int good = found ? found == Py_True : -1;
    Py_XDECREF(found);
    Py_XDECREF(probe);
    Py_XDECREF(call);
    Py_XDECREF(globals);
    return good;
}

/* Read how builtin types measure themselves; false, with or without an exception, where one does not. */
static bool
read_measures(State *state)
{
    PyObject *io = STREAM_SHOWS_BYTES ? PyImport_ImportModule("_io") : NULL;
    PyObject *stream = io ? PyObject_GetAttrString(io, "BytesIO") : NULL;
    bool good = measures_read(&state->measures, stream && PyType_Check(stream) ? (PyTypeObject *)stream : NULL);
    PyObject *made = io ? PyObject_CallMethod(io, "StringIO", NULL) : NULL;
    PyObject *written = made ? PyObject_CallMethod(made, "write", "s", "text") : NULL;
    if (written)
        measures_read_text(&state->measures, made, 4);
    good = good && (io == NULL || written);
    Py_XDECREF(written);
    Py_XDECREF(made);
    Py_XDECREF(stream);
    Py_XDECREF(io);
    return good || refuse("__sizeof__");
}

bool
check_interpreter(State *state)
{
    PyObject *gc = PyImport_ImportModule("gc");
    bool good = gc && read_measures(state) && find_collector(state, gc) &&
                check_dict(state, "{s:d,s:d,s:d}", "a key that is str") &&
                check_dict(state, "{s:d,s:d,s:d,L:d}", "a key") && check_values();
    Py_XDECREF(gc);
    int known = good ? check_frame() : -1;
    state->knows_frames = known > 0;
    return known >= 0;
}
