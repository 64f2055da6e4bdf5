/* A call of a census function: its arguments, the walk, and what there is to give. */
#ifndef MEMWATCH_CALL_H
#define MEMWATCH_CALL_H

#include "census/check.h"
#include "census/result.h"
#include "identity/snapshot.h"

/* What the census functions take. */
typedef struct {
    int deep;
    PyObject *own_types;  /* ids */
    PyObject *part_types; /* ids */
    PyObject *records;    /* a list of objects that are never counted */
    PyObject *exclude;    /* a sequence of such objects */
    int births;           /* watch them from the snapshot on */
    Snapshot *since;      /* to be settled by the snapshot, or NULL */
} Asked;

/* What one call has in hand. */
typedef struct {
    Walk walk;
    Pointers own;
    Pointers parts;
    Columns columns;
    Snapshot *snapshot; /* to be filled */
    bool held;
} Call;

typedef enum { TOTALS, LISTING, SNAPSHOT } Wanted;

/* The arguments come as a row, because a tuple of them would be an object more on the heap. False with an exception. */
bool call_read(Asked *asked, PyObject *const *args, Py_ssize_t given, Py_ssize_t wanted);

/* Make all ready for the walk. -1 with an exception, 0 if the collector is at work and its lists are apart, 1 if all is
 * well; to be ended in any case. */
int call_begin(State *state, Call *call, const Asked *asked, Wanted wanted);
void call_end(State *state, Call *call);

/* All of it: what the function answers, None while the collector is at work. */
PyObject *call_run(State *state, PyObject *const *args, Py_ssize_t given, Wanted wanted);

#endif
