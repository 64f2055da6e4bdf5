/* Which label the running code has, for a sample: the number in a context variable of memwatch's, and what a variable
 * of a function holds that is at work. */
#ifndef MEMWATCH_LABELS_H
#define MEMWATCH_LABELS_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#define FIRST_MET 0x8000 /* numbers from here on stand for what was met in a variable */

/* The number, 0 for none. It is read in a hook: with the GIL, or it is 0. */
uint16_t label_now(void);

/* Read it from *variable* from now on, a context variable that lives as long as the process. */
void labels_follow(PyObject *variable);

/* Look at the *variable*th variable of *code* as well, where that is at work; its place among such, -1 where there are
 * too many. */
int labels_follow_local(PyCodeObject *code, int variable);

/* What the number *label* stands for: a place, what was met there (borrowed), and the number in the context variable.
 * False for one that stands for nothing that was met. */
bool label_met(uint16_t label, int *place, PyObject **object, uint16_t *context);

#endif
