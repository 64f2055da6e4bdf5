/* The bytes that an object takes of the allocator: itself with the words before it, and the buffers that it alone has.
 * Each block counts as what the allocator gives for it: Python's own a multiple of 16, malloc a word more than it was
 * asked for, rounded alike. */
#ifndef MEMWATCH_SIZES_H
#define MEMWATCH_SIZES_H

#include "census/kinds.h"

#define LARGEST_SMALL 512 /* bytes; a larger block is malloc's */
#define BLOCK_STEP 16
#define BLOCK_HEAD 8

/* What the allocator gives for a block of so many bytes; nothing for none. */
static inline Py_ssize_t
given(Py_ssize_t bytes)
{
    Py_ssize_t with_head = bytes > LARGEST_SMALL ? bytes + BLOCK_HEAD : bytes;
    return (with_head + BLOCK_STEP - 1) & ~(Py_ssize_t)(BLOCK_STEP - 1);
}

/* What malloc gives for one of which it was asked itself. */
static inline Py_ssize_t
given_by_malloc(Py_ssize_t bytes)
{
    return bytes ? (bytes + BLOCK_HEAD + BLOCK_STEP - 1) & ~(Py_ssize_t)(BLOCK_STEP - 1) : 0;
}

/* Any rule but SIZE_MEASURED, for which this is the size without what the type's own method adds. */
Py_ssize_t size_by_rule(const Kind *kind, PyObject *object);

/* For SIZE_MEASURED, after the walk: calls the C method. Never fails: what the method raised is cleared, and an answer
 * that cannot be is not taken. */
Py_ssize_t size_by_method(const Kind *kind, PyObject *object);

/* The buffers of a deque, an OrderedDict, an array.array or a numpy array, near to what its method tells, where it is
 * not called; 0 for others. */
Py_ssize_t known_buffers(const Kind *kind, PyObject *object);

static inline Py_ssize_t
size_of(const Kind *kind, PyObject *object)
{
    bool is_fixed = kind->rule == SIZE_FIXED && !(kind->flags & (KIND_VALUES | KIND_ASK | KIND_LOCK));
    return is_fixed ? given(kind->basic) : size_by_rule(kind, object);
}

/* The same before the type's own method is asked, or where it cannot be. */
static inline Py_ssize_t
size_unasked(const Kind *kind, PyObject *object)
{
    return size_of(kind, object) + (kind->rule == SIZE_MEASURED ? known_buffers(kind, object) : 0);
}

#endif
