/* What an object holds that the collector does not see: a code object's parts, an array's items and its base. */
#ifndef MEMWATCH_UNTRACKED_HOLDERS_H
#define MEMWATCH_UNTRACKED_HOLDERS_H

#include "census/kinds.h"

/* Whether an object of *type* is such a one; *array_type* is numpy's, or NULL. */
bool is_untracked_holder(PyTypeObject *array_type, const PyTypeObject *type);
bool is_array_type(PyTypeObject *array_type, const PyTypeObject *type);
void follow_hollow(PyObject *object, visitproc visit, void *arg);

/* The bytes of the buffer that an array owns; and with those of its lengths and strides, which lie together. */
uint64_t array_bytes(PyObject *object);
uint64_t array_buffers(PyObject *object);

#endif
