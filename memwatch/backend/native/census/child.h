/* The census in a forked child: the walk does not hold up the program, only the making of the child does. */
#ifndef MEMWATCH_CHILD_H
#define MEMWATCH_CHILD_H

#include "census/walk.h"

/* [(label, objects, bytes), ...] by a child that does *walk*, which is ready to run. NULL with an exception: OSError
 * where there can be no child, MemoryError, RuntimeError where it was killed or took longer than *patience* seconds,
 * RuntimeError on other platforms than Linux on x86-64 and aarch64, and what a signal handler raises. */
PyObject *child_totals(Walk *walk, Collector *collector, double patience);

#endif
