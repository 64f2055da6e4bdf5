/* Module and qualified name, read from where a type keeps them. See label.h.
 *
 * A class made at run time has its qualified name in its own struct and its module in its namespace, under a key that
 * is looked for key by key, because a lookup may compare in Python. A static type has both in `tp_name`. What is not
 * as it should be, as in a class that is being made, is labelled by `tp_name` too. */
#include "core/type_label.h"

#include <string.h>

static bool
is_text(PyObject *object)
{
    return object && PyUnicode_Check(object) && is_readable(object);
}

static bool
reads(PyObject *text, const char *wanted)
{
    Py_ssize_t length = (Py_ssize_t)strlen(wanted), place = 0;
    if (PyUnicode_GET_LENGTH(text) != length)
        return false;
    while (place < length && PyUnicode_READ_CHAR(text, place) == (Py_UCS4)wanted[place])
        place++;
    return place == length;
}

/* What the namespace of *type* has under `__module__`, borrowed. */
static PyObject *
module_of(PyTypeObject *type)
{
    PyObject *namespace = namespace_of(type), *key, *value;
    Py_ssize_t position = 0;
    if (namespace == NULL || !PyDict_Check(namespace))
        return NULL;
    while (PyDict_Next(namespace, &position, &key, &value))
        if (PyUnicode_CheckExact(key) && is_readable(key) && reads(key, "__module__"))
            return value;
    return NULL;
}

static size_t
encode(Py_UCS4 character, char out[4])
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    size_t more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    static const unsigned char marks[] = {0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(marks[more] | character >> (6 * more));
    for (size_t place = 1; place <= more; place++)
        out[place] = (char)(0x80 | (character >> (6 * (more - place)) & 0x3F));
    return more + 1;
}

void
text_put(PyObject *text, Py_ssize_t most, PutText put, void *arg)
{
    char bytes[4];
    for (Py_ssize_t place = 0; place < Py_MIN(most, PyUnicode_GET_LENGTH(text)); place++)
        put(arg, bytes, encode(PyUnicode_READ_CHAR(text, place), bytes));
}

static void
put_static(const char *name, PutText put, void *arg)
{
    static const char builtins[] = "builtins.";
    size_t skip = sizeof(builtins) - 1;
    if (name == NULL)
        name = "?";
    bool is_builtin = strncmp(name, builtins, skip) == 0 && strchr(name + skip, '.') == NULL;
    name += is_builtin ? skip : 0;
    put(arg, name, strlen(name));
}

void
label_put(PyTypeObject *type, PutText put, void *arg)
{
    PyObject *name = type->tp_flags & Py_TPFLAGS_HEAPTYPE ? ((PyHeapTypeObject *)type)->ht_qualname : NULL;
    if (!is_text(name)) {
        put_static(type->tp_name, put, arg);
        return;
    }
    PyObject *module = module_of(type);
    if (!is_text(module))
        put(arg, "?.", 2);
    else if (!reads(module, "builtins")) {
        text_put(module, PY_SSIZE_T_MAX, put, arg);
        put(arg, ".", 1);
    }
    text_put(name, PY_SSIZE_T_MAX, put, arg);
}
