/* The bytes that an object takes from the allocator: itself, the words before it, and the buffers that it alone has.
 * Rounding inside the allocator is not in it. */
#ifndef MEMWATCH_SIZES_H
#define MEMWATCH_SIZES_H

#include "census/kinds.h"

/* Any rule but SIZE_MEASURED, for which this is the size without what the type's own method adds. */
Py_ssize_t size_by_rule(const Kind *kind, PyObject *object);

/* For SIZE_MEASURED, after the walk: calls the C method. Never fails: what the method raised is cleared, and an answer
 * that cannot be is not taken. */
Py_ssize_t size_by_method(const Kind *kind, PyObject *object);

static inline Py_ssize_t
size_of(const Kind *kind, PyObject *object)
{
    bool is_fixed = kind->rule == SIZE_FIXED && !(kind->flags & (KIND_VALUES | KIND_ASK));
    return is_fixed ? kind->basic : size_by_rule(kind, object);
}

#endif
