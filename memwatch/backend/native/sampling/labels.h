/* Which label the running code has, for a sample: the number in a context variable of memwatch's. */
#ifndef MEMWATCH_LABELS_H
#define MEMWATCH_LABELS_H

#include <Python.h>
#include <stdint.h>

/* The number, 0 for none. It is read in a hook: with the GIL, or it is 0. */
uint16_t label_now(void);

/* Read it from *variable* from now on, a context variable that lives as long as the process. */
void labels_follow(PyObject *variable);

#endif
