/* A signal that is only counted. See signal_flag.h.
 *
 * Python calls its handlers in the main thread between two instructions: never while that thread is at work inside C. A
 * handler of the system's runs at once, and does nothing but count. Whoever cares looks at the count now and then. */
#include "signal_flag.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

static atomic_ulong seen;

const char signal_flag_doc[] = "signal_flag(signum)\n--\n\nCount this signal from now on; OSError if that cannot be.";
const char signals_seen_doc[] = "signals_seen()\n--\n\nHow many have come since this was asked last.";

static void
count(int number)
{
    (void)number;
    atomic_fetch_add(&seen, 1);
}

PyObject *
signal_flag(PyObject *Py_UNUSED(module), PyObject *number)
{
    struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
    long wanted = PyLong_AsLong(number);
    if (wanted == -1 && PyErr_Occurred())
        return NULL;
    sigemptyset(&action.sa_mask);
    if (wanted != (int)wanted || sigaction((int)wanted, &action, NULL) < 0) {
        errno = EINVAL;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

PyObject *
signals_seen(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromUnsignedLong(atomic_exchange(&seen, 0));
}
