/* Objects that hold others although the collector does not track them. See search.h.
 *
 * A code object holds its constants, which may be tuples and frozensets of constants. A numpy array holds what it is a
 * view of, and the objects that it is made of. numpy keeps the head of its arrays as it is here in all its versions;
 * the Python side has tried it on an array before it gives the type. */
#include "search/search.h"

#define DEEPEST 64
#define MOST_AXES 64

typedef struct {
    PyObject_HEAD
    char *data;
    int axes;
    Py_ssize_t *lengths;
    Py_ssize_t *strides;
    PyObject *base;
    PyObject *items; /* their type */
} Array;

typedef struct {
    PyObject_HEAD
    PyTypeObject *scalar;
    char kind;
} Items;

bool
is_hollow(const Search *search, const Kind *kind)
{
    const PyTypeObject *type = kind->type;
    if (type == &PyCode_Type)
        return true;
    if (search->array_type == NULL || type->tp_basicsize < (Py_ssize_t)sizeof(Array))
        return false;
    return type == search->array_type || PyType_IsSubtype((PyTypeObject *)type, search->array_type);
}

static int
follow_constant(Search *search, PyObject *constant, visitproc visit, int depth)
{
    if (constant == NULL || depth > DEEPEST)
        return 0;
    if (visit(constant, search) < 0)
        return -1;
    if (PyTuple_CheckExact(constant))
        for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(constant); place++)
            if (follow_constant(search, PyTuple_GET_ITEM(constant, place), visit, depth + 1) < 0)
                return -1;
    if (PyFrozenSet_CheckExact(constant))
        for (Py_ssize_t slot = 0; slot <= ((PySetObject *)constant)->mask; slot++)
            if (follow_constant(search, ((PySetObject *)constant)->table[slot].key, visit, depth + 1) < 0)
                return -1;
    return 0;
}

static void
follow_array(Search *search, const Array *array, visitproc visit)
{
    Py_ssize_t at[MOST_AXES] = {0};
    if (array->base && visit(array->base, search) < 0)
        return;
    if (array->items == NULL || ((Items *)array->items)->kind != 'O' || array->axes > MOST_AXES || array->data == NULL)
        return;
    for (int axis = 0; axis < array->axes; axis++)
        if (array->lengths[axis] == 0)
            return;
    for (;;) {
        char *item = array->data;
        for (int axis = 0; axis < array->axes; axis++)
            item += at[axis] * array->strides[axis];
        PyObject *held = *(PyObject **)item;
        if (held && visit(held, search) < 0)
            return;
        int axis = array->axes - 1;
        while (axis >= 0 && ++at[axis] == array->lengths[axis])
            at[axis--] = 0;
        if (axis < 0)
            return;
    }
}

void
follow_hollow(Search *search, PyObject *object, visitproc visit)
{
    if (PyCode_Check(object))
        follow_constant(search, ((PyCodeObject *)object)->co_consts, visit, 0);
    else
        follow_array(search, (Array *)object, visit);
}
