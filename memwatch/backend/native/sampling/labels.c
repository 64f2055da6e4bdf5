/* The label of the code that allocates. See labels.h.
 *
 * A label belongs to a context, as a request or a task of asyncio has one: it is the value of a context variable, an
 * int. A hook may not run Python code, and must not allocate. Reading this variable does neither: a context is a tree
 * of pairs that never change, keys are found by a hash that a variable has from the start and by their identity, and
 * what is found is borrowed from the tree and held for the moment. Only who has the GIL has a context to read. A hook
 * is asked so at every sample, which is once in 64 KiB or rarer, and at no other allocation. */
#include "sampling/labels.h"

#include "sampling/version.h"

#define MOST_LABELS UINT16_MAX

static PyObject *followed; /* set once, with the GIL */

void
labels_follow(PyObject *variable)
{
    if (followed == NULL)
        followed = Py_NewRef(variable);
}

uint16_t
label_now(void)
{
    PyObject *variable = __atomic_load_n(&followed, __ATOMIC_RELAXED), *number = NULL;
    PyThreadState *thread = variable ? attached_thread_state() : NULL;
    if (thread == NULL || thread->context == NULL || thread->interp != PyInterpreterState_Main())
        return 0;
    if (PyContextVar_Get(variable, NULL, &number) < 0 || number == NULL)
        return 0;
    int is_negative_or_long = 0;
    long label = PyLong_CheckExact(number) ? PyLong_AsLongAndOverflow(number, &is_negative_or_long) : 0;
    Py_DECREF(number);
    return label > 0 && label <= MOST_LABELS ? (uint16_t)label : 0;
}
