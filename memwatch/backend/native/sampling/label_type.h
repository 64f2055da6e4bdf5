/* The class of labels, for `with` statements. */
#ifndef MEMWATCH_LABEL_TYPE_H
#define MEMWATCH_LABEL_TYPE_H

#include <Python.h>

/* label_type(variable, known, make, number): see label_type.c. A method of the module. */
PyObject *label_type(PyObject *module, PyObject *args);

extern const char label_type_doc[];

#endif
