/* The class of labels, for `with` statements: what labels/plain.py does in Python, in a fifth of the time.
 *
 * A label is entered and left at every request, where it is to cost next to nothing. What it is made of is looked up by
 * the names, a tuple that the call has at hand, and by the values; what has not been met is made by Python code, once.
 * Entering sets the context variable to the number of these labels together with those around them.
 *
 * There is one such class, of the main interpreter: sampler and variable are its as well. */
#include "sampling/label_type.h"

#include <stdbool.h>

typedef struct {
    PyObject_HEAD
    PyObject *kept;  /* (labels, {number around: number}) */
    PyObject *outer; /* the number around, once it is entered */
    PyObject *token; /* while it is entered */
} Label;

/* Set once, with the GIL. */
static PyObject *variable, *known, *make, *number_for;
static PyTypeObject *type;

/* What was made for these names and values before, borrowed; NULL for nothing, also where they are no key. */
static PyObject *
find_kept(PyObject *names, PyObject *values)
{
    PyObject *of_names = PyDict_GetItemWithError(known, names);
    PyObject *kept = of_names ? PyDict_GetItemWithError(of_names, values) : NULL;
    if (kept == NULL)
        PyErr_Clear();
    return kept;
}

static PyObject *
kept_for(PyObject *const *args, PyObject *names)
{
    Py_ssize_t count = PyTuple_GET_SIZE(names);
    PyObject *values = count == 1 ? Py_NewRef(args[0]) : PyTuple_New(count);
    for (Py_ssize_t place = 0; values && count != 1 && place < count; place++)
        PyTuple_SET_ITEM(values, place, Py_NewRef(args[place]));
    PyObject *kept = values ? Py_XNewRef(find_kept(names, values)) : NULL;
    if (values && kept == NULL)
        kept = PyObject_CallFunctionObjArgs(make, names, values, NULL);
    Py_XDECREF(values);
    if (kept && !(PyTuple_Check(kept) && PyTuple_GET_SIZE(kept) == 2 && PyDict_Check(PyTuple_GET_ITEM(kept, 1)))) {
        Py_DECREF(kept);
        return PyErr_Format(PyExc_TypeError, "labels and their numbers");
    }
    return kept;
}

static PyObject *
label_call(PyObject *called, PyObject *const *args, size_t flags, PyObject *names)
{
    if (PyVectorcall_NARGS(flags) > 0)
        return PyErr_Format(PyExc_TypeError, "label takes names with text alone, as in label(route='GET /orders')");
    PyObject *none = names ? NULL : PyTuple_New(0);
    PyObject *kept = names || none ? kept_for(args, names ? names : none) : NULL;
    Py_XDECREF(none);
    Label *self = kept ? PyObject_New(Label, (PyTypeObject *)called) : NULL;
    if (self == NULL) {
        Py_XDECREF(kept);
        return NULL;
    }
    self->kept = kept;
    self->outer = self->token = NULL;
    return (PyObject *)self;
}

static void
label_dealloc(Label *self)
{
    PyTypeObject *own = Py_TYPE(self);
    Py_DECREF(self->kept);
    Py_XDECREF(self->outer);
    Py_XDECREF(self->token);
    own->tp_free(self);
    Py_DECREF(own);
}

static PyObject *
label_enter(Label *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *outer, *numbers = PyTuple_GET_ITEM(self->kept, 1);
    if (PyContextVar_Get(variable, NULL, &outer) < 0)
        return NULL;
    PyObject *number = Py_XNewRef(PyDict_GetItemWithError(numbers, outer));
    if (number == NULL && !PyErr_Occurred())
        number = PyObject_CallFunctionObjArgs(number_for, outer, PyTuple_GET_ITEM(self->kept, 0), numbers, NULL);
    PyObject *token = number ? PyContextVar_Set(variable, number) : NULL;
    Py_XDECREF(number);
    if (token == NULL) {
        Py_DECREF(outer);
        return NULL;
    }
    Py_XSETREF(self->outer, outer);
    Py_XSETREF(self->token, token);
    return Py_NewRef(self);
}

/* The token is of another context where a framework has gone on in one. */
static PyObject *
label_leave(Label *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *token = self->token;
    self->token = NULL;
    bool failed = token && PyContextVar_Reset(variable, token) < 0;
    Py_XDECREF(token);
    if (failed) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError))
            return NULL;
        PyErr_Clear();
        token = PyContextVar_Set(variable, self->outer);
        if (token == NULL)
            return NULL;
        Py_DECREF(token);
    }
    Py_RETURN_NONE;
}

static PyObject *
label_exit(Label *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(given))
{
    return label_leave(self, NULL);
}

static PyMethodDef methods[] = {
    {"enter", (PyCFunction)label_enter, METH_NOARGS, "Begin."},
    {"leave", (PyCFunction)label_leave, METH_NOARGS,
     "End, also in another context than the one it began in, as frameworks do with generators."},
    {"__enter__", (PyCFunction)label_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))label_exit, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static const char class_doc[] =
    "For a `with` statement, or by `enter` and `leave`: what is allocated in it bears these labels.\n\n"
    "Names and values are text; values are cut at 100 characters. Use names that group, as a route's pattern: of sets\n"
    "of labels 4096 are kept apart, later ones are counted together. Raises OptionError for no label, more than 8, or\n"
    "a value that is no text.";

static PyType_Slot class_slots[] = {
    {Py_tp_doc, (void *)class_doc},
    {Py_tp_dealloc, label_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "memwatch.labels.label",
    .basicsize = sizeof(Label),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = class_slots,
};

const char label_type_doc[] =
    "label_type(variable, known, make, number)\n--\n\n"
    "The class of labels. *variable* is the context variable of their numbers; *known* holds by names, a tuple, and\n"
    "by values, one or a tuple, what make(names, values) has made of them: (labels, {number around: number}), in\n"
    "which number(around, labels, numbers) is entered. None in another interpreter than the main one.";

PyObject *
label_type(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *given[4];
    if (!PyArg_ParseTuple(args, "OO!OO", &given[0], &PyDict_Type, &given[1], &given[2], &given[3]))
        return NULL;
    if (PyInterpreterState_Get() != PyInterpreterState_Main() || !PyContextVar_CheckExact(given[0]))
        Py_RETURN_NONE;
    if (type == NULL) {
        type = (PyTypeObject *)PyType_FromSpec(&spec);
        if (type == NULL)
            return NULL;
        type->tp_vectorcall = label_call;
        variable = Py_NewRef(given[0]);
        known = Py_NewRef(given[1]);
        make = Py_NewRef(given[2]);
        number_for = Py_NewRef(given[3]);
    }
    return Py_NewRef(type);
}
