/* What a walk found, as Python values: made when the walk is over, with everything that is named kept alive first. */
#ifndef MEMWATCH_RESULT_H
#define MEMWATCH_RESULT_H

#include "census/walk.h"

/* Hold the types met and the objects of `later`, from which on Python code may run; and let them go. */
void result_hold(Walk *walk);
void result_let_go(Walk *walk);

/* [(type, objects, bytes, the type's number), ...] */
PyObject *result_totals(Walk *walk);

/* The columns of a listing, in mapped memory. */
typedef struct {
    Walk *walk;
    uint64_t *addresses;
    uint32_t *kinds;
    uint64_t *sizes;
    size_t row;
    size_t rows;
} Columns;

/* Fill in a row for each object, in order of address, before result_hold(); false without memory. */
bool columns_fill(Columns *columns, Walk *walk);
void columns_free(Columns *columns);

/* (addresses, kinds, sizes), each made by *copy* of a typecode and a memoryview that is good during the call: "Q", "I",
 * and for sizes "I" where they fit, else "Q". *name* is called with a list of the types met and answers with a number
 * for each, which is what `kinds` holds. */
PyObject *result_listing(Columns *columns, PyObject *name, PyObject *copy);

#endif
