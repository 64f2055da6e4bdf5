/* See immutable_holders.h. */
#include "identity/immutable_holders.h"
#include "core/code_and_locks.h"

bool
is_holder(const PyTypeObject *type)
{
    return type == &PyTuple_Type || type == &PyCode_Type || type == &PyFunction_Type ||
           type->tp_flags & Py_TPFLAGS_TYPE_SUBCLASS;
}

bool
held_begin(Memory *memory, Held *held, size_t most)
{
    *held = (Held){.doubts = {.stride = sizeof(Doubt)}, .most = most};
    return marks_begin(memory, &held->marks);
}

void
held_free(Memory *memory, Held *held)
{
    row_free(memory, &held->doubts);
    marks_free(memory, &held->marks);
}

static bool
enter_all(Memory *memory, Held *held, PyObject *const *objects, Py_ssize_t count)
{
    for (Py_ssize_t place = 0; place < count; place++)
        if (objects[place] && marks_add(memory, &held->marks, objects[place]) < 0)
            return false;
    return true;
}

bool
held_survived(Memory *memory, Held *held, PyObject *object)
{
    if (PyTuple_CheckExact(object))
        return enter_all(memory, held, ((PyTupleObject *)object)->ob_item, Py_SIZE(object));
    if (PyFunction_Check(object)) {
        PyFunctionObject *function = (PyFunctionObject *)object;
        PyObject *const parts[] = {function->func_defaults, function->func_name, function->func_qualname,
                                   function->func_doc, function->func_module};
        return enter_all(memory, held, parts, Py_ARRAY_LENGTH(parts));
    }
    if (PyType_Check(object)) {
        PyTypeObject *type = (PyTypeObject *)object;
        PyObject *const parts[] = {type->tp_bases, type->tp_mro};
        return enter_all(memory, held, parts, Py_ARRAY_LENGTH(parts));
    }
    if (!PyCode_Check(object))
        return true;
    PyObject *parts[CODE_PARTS];
    code_parts((PyCodeObject *)object, parts);
    return enter_all(memory, held, parts, CODE_PARTS);
}

bool
held_doubt(Memory *memory, Held *held, PyObject *object, size_t row)
{
    if (held->doubts.used >= held->most)
        return true;
    Doubt *doubt = row_add(memory, &held->doubts);
    if (doubt)
        *doubt = (Doubt){.object = object, .row = row};
    return doubt != NULL;
}

bool
held_resolve(Memory *memory, Held *held, void (*resolve)(size_t, void *), void *arg)
{
    Doubt *doubts = (Doubt *)held->doubts.data;
    size_t left = held->doubts.used, before;
    do {
        before = left;
        left = 0;
        for (size_t place = 0; place < before; place++) {
            if (!marks_has(&held->marks, doubts[place].object)) {
                doubts[left++] = doubts[place];
                continue;
            }
            resolve(doubts[place].row, arg);
            if (!held_survived(memory, held, doubts[place].object))
                return false;
        }
    } while (left < before);
    return true;
}
