/* Types as extension modules should not make them, and some odd ones that are sound; for test_faulty_types.py.
 *
 * Broken(mode, held): its tp_traverse does what `mode` says with `held`, which it owns only in the first mode.
 * Sized(answer): its `__sizeof__`, a C method, gives `answer`, or calls it where it can be called.
 * Vector(count): has items; lie(vector, count) puts another count in the place.
 * Widget(): a heap type that keeps its own place for `__dict__` and for weak references, as PyQt's do.
 * nameless(): an object of a static type whose name is no UTF-8. */
#include <Python.h>
#include <structmember.h>

enum { OWNS, BORROWS, VISITS_NULL, VISITS_OFTEN, VISITS_ITSELF, GOES_ON };

typedef struct {
    PyObject_HEAD
    int mode;
    PyObject *held;
    PyObject *dict;
    PyObject *weak;
} Object;

static int
broken_traverse(PyObject *self, visitproc visit, void *arg)
{
    Object *object = (Object *)self;
    switch (object->mode) {
    case VISITS_NULL:
        return visit(NULL, arg) || visit(object->held, arg) || visit(NULL, arg);
    case VISITS_OFTEN:
        for (int time = 0; time < 100000; time++)
            visit(object->held, arg);
        return 0;
    case VISITS_ITSELF:
        return visit(self, arg) || visit(object->held, arg) || visit(self, arg);
    case GOES_ON: /* whatever the visitor answers */
        for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(object->held); place++)
            visit(PyTuple_GET_ITEM(object->held, place), arg);
        return 0;
    default:
        return visit(object->held, arg);
    }
}

static int
widget_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Object *)self)->dict);
    return 0;
}

static void
dealloc(PyObject *self)
{
    Object *object = (Object *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (PyType_IS_GC(type))
        PyObject_GC_UnTrack(self);
    if (object->weak)
        PyObject_ClearWeakRefs(self);
    if (object->mode != BORROWS)
        Py_XDECREF(object->held);
    Py_XDECREF(object->dict);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
broken_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(keywords))
{
    int mode;
    PyObject *held;
    if (!PyArg_ParseTuple(args, "iO", &mode, &held))
        return NULL;
    Object *made = (Object *)type->tp_alloc(type, 0);
    if (made) {
        made->mode = mode;
        made->held = mode == BORROWS ? held : Py_NewRef(held);
    }
    return (PyObject *)made;
}

static PyObject *
sized_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(keywords))
{
    PyObject *answer;
    if (!PyArg_ParseTuple(args, "O", &answer))
        return NULL;
    Object *made = (Object *)type->tp_alloc(type, 0);
    if (made)
        made->held = Py_NewRef(answer);
    return (PyObject *)made;
}

static PyObject *
sized_sizeof(PyObject *self, PyObject *Py_UNUSED(none))
{
    PyObject *answer = ((Object *)self)->held;
    return PyCallable_Check(answer) ? PyObject_CallNoArgs(answer) : Py_NewRef(answer);
}

static PyMethodDef sized_methods[] = {
    {"__sizeof__", sized_sizeof, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyObject *
vector_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(keywords))
{
    Py_ssize_t count;
    return PyArg_ParseTuple(args, "n", &count) ? type->tp_alloc(type, count) : NULL;
}

static void
vector_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef widget_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(Object, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Object, weak), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

#define SLOT(slot, value) {slot, (void *)(value)}
static PyType_Slot broken_slots[] = {SLOT(Py_tp_new, broken_new), SLOT(Py_tp_traverse, broken_traverse),
                                     SLOT(Py_tp_dealloc, dealloc), {0, NULL}};
static PyType_Slot sized_slots[] = {SLOT(Py_tp_new, sized_new), SLOT(Py_tp_methods, sized_methods),
                                    SLOT(Py_tp_dealloc, dealloc), {0, NULL}};
static PyType_Slot vector_slots[] = {SLOT(Py_tp_new, vector_new), SLOT(Py_tp_dealloc, vector_dealloc), {0, NULL}};
static PyType_Slot widget_slots[] = {SLOT(Py_tp_traverse, widget_traverse), SLOT(Py_tp_dealloc, dealloc),
                                     SLOT(Py_tp_members, widget_members), {0, NULL}};

#define FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE)
static PyType_Spec specs[] = {
    {"broken_types.Broken", sizeof(Object), 0, FLAGS | Py_TPFLAGS_HAVE_GC, broken_slots},
    {"broken_types.Sized", sizeof(Object), 0, FLAGS, sized_slots},
    {"broken_types.Vector", sizeof(PyVarObject), 24, FLAGS, vector_slots},
    {"broken_types.Widget", sizeof(Object), 0, FLAGS | Py_TPFLAGS_HAVE_GC, widget_slots},
};

static PyTypeObject nameless_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "broken\xff.\xfe",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
};

static PyObject *
nameless(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyObject_New(PyObject, &nameless_type);
}

static PyObject *
lie(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *vector;
    Py_ssize_t count;
    if (!PyArg_ParseTuple(args, "On", &vector, &count))
        return NULL;
    ((PyVarObject *)vector)->ob_size = count;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"lie", lie, METH_VARARGS, NULL},
    {"nameless", nameless, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "broken_types", .m_methods = functions};

PyMODINIT_FUNC
PyInit_broken_types(void)
{
    if (PyType_Ready(&nameless_type) < 0)
        return NULL;
    PyObject *module = PyModule_Create(&definition);
    for (size_t place = 0; module && place < Py_ARRAY_LENGTH(specs); place++) {
        PyObject *type = PyType_FromSpec(&specs[place]);
        if (type == NULL || PyModule_AddType(module, (PyTypeObject *)type) < 0)
            Py_CLEAR(module);
        Py_XDECREF(type);
    }
    return module;
}
