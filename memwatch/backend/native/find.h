/* Objects by their addresses, among those that the collector tracks. */
#ifndef MEMWATCH_FIND_H
#define MEMWATCH_FIND_H

#include "kinds.h"

/* A list of those at the addresses *wanted*, types in *own* aside; an empty one while the collector is at work. NULL
 * with an exception. */
PyObject *find_listed(Memory *memory, Collector *collector, const Pointers *wanted, const Pointers *own);

#endif
