/* A call in the main thread. See main_thread.h.
 *
 * The interpreter makes its pending calls between two instructions of the main thread, as it calls signal handlers.
 * What a handler raises meanwhile goes where it would have gone without the call. */
#include "main_thread.h"

const char call_in_main_doc[] =
    "call_in_main(function)\n--\n\n"
    "Have the main thread call it when it next runs Python; False where too many calls wait already.";

static int
call(void *function)
{
    PyObject *result = PyObject_CallNoArgs(function);
    Py_DECREF((PyObject *)function);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

PyObject *
call_in_main(PyObject *Py_UNUSED(module), PyObject *function)
{
    if (Py_AddPendingCall(call, Py_NewRef(function)) == 0)
        Py_RETURN_TRUE;
    Py_DECREF(function);
    Py_RETURN_FALSE;
}
