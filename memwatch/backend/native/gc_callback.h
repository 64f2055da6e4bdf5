/* The entry of gc.callbacks: what tells the watcher that a full collection has ended. */
#ifndef MEMWATCH_TRIGGER_H
#define MEMWATCH_TRIGGER_H

#include "core/version.h"

/* The type `GCCallback`, a new reference. */
PyObject *callback_type(PyObject *module);

#endif
