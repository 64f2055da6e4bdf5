/* Objects that hold others although the collector does not track them.
 *
 * A code object holds its constants, which may be tuples, its names, its tables of lines and exceptions, and what it
 * was asked for. A numpy array holds what it is a view of, and the objects that it is made of. numpy keeps the head of
 * its arrays as it is here in all its versions; the Python side has tried it on an array before it gives the type. */
#include "census/untracked_holders.h"
#include "core/code_and_locks.h"

#define MOST_AXES 64
#define OWNS_ITS_DATA 4

typedef struct {
    PyObject_HEAD
    char *data;
    int axes;
    Py_ssize_t *lengths;
    Py_ssize_t *strides;
    PyObject *base;
    PyObject *items; /* their type */
    int flags;
} Array;

typedef struct {
    PyObject_HEAD
    PyTypeObject *scalar;
    char kind;
} Items;

bool
is_untracked_holder(PyTypeObject *array_type, const PyTypeObject *type)
{
    return type == &PyCode_Type || is_array_type(array_type, type);
}

bool
is_array_type(PyTypeObject *array_type, const PyTypeObject *type)
{
    if (array_type == NULL || type->tp_basicsize < (Py_ssize_t)sizeof(Array))
        return false;
    return type == array_type || PyType_IsSubtype((PyTypeObject *)type, array_type);
}

static void
follow_code(const PyCodeObject *code, visitproc visit, void *arg)
{
    PyObject *held[CODE_PARTS + CODE_ANSWERS];
    code_parts(code, held);
    code_answers(code, held + CODE_PARTS);
    for (size_t place = 0; place < Py_ARRAY_LENGTH(held); place++)
        if (held[place] && visit(held[place], arg) < 0)
            return;
}

static void
follow_array(const Array *array, visitproc visit, void *arg)
{
    Py_ssize_t at[MOST_AXES] = {0};
    if (array->base && visit(array->base, arg) < 0)
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
        if (held && visit(held, arg) < 0)
            return;
        int axis = array->axes - 1;
        while (axis >= 0 && ++at[axis] == array->lengths[axis])
            at[axis--] = 0;
        if (axis < 0)
            return;
    }
}

void
follow_hollow(PyObject *object, visitproc visit, void *arg)
{
    if (PyCode_Check(object))
        follow_code((PyCodeObject *)object, visit, arg);
    else
        follow_array((const Array *)object, visit, arg);
}

/* What an array owns is without gaps: the axis that is farthest apart spans all of it. */
uint64_t
array_bytes(PyObject *object)
{
    const Array *array = (const Array *)object;
    if (!(array->flags & OWNS_ITS_DATA) || array->data == NULL || array->axes > MOST_AXES)
        return 0;
    uint64_t most = 0;
    for (int axis = 0; axis < array->axes; axis++) {
        uint64_t span = (uint64_t)array->lengths[axis] * (uint64_t)Py_ABS(array->strides[axis]);
        most = Py_MAX(most, span);
    }
    return most;
}

uint64_t
array_buffers(PyObject *object)
{
    int axes = ((const Array *)object)->axes;
    return array_bytes(object) + (axes > 0 && axes <= MOST_AXES ? 2 * (uint64_t)axes * sizeof(Py_ssize_t) : 0);
}
