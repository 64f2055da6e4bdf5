/* A call in the main thread: for what belongs there, whichever thread of ours asks for it. */
#ifndef MEMWATCH_MAIN_THREAD_H
#define MEMWATCH_MAIN_THREAD_H

#include "core/version.h"

PyObject *call_in_main(PyObject *module, PyObject *function);
extern const char call_in_main_doc[];

#endif
