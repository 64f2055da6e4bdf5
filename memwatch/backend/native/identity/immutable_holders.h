/* What survived because something that survived holds it, and has held it all along.
 *
 * A tuple never lets go of an item, nor a code object of its constants and names. A class and a function can be given
 * other bases, defaults or names, but hardly equal ones at the same addresses. So where one of them survived, all that
 * it holds did, however common its content is. */
#ifndef MEMWATCH_HELD_H
#define MEMWATCH_HELD_H

#include "core/marks.h"

/* An object of which nothing else is known, and its row. */
typedef struct {
    PyObject *object;
    size_t row;
} Doubt;

typedef struct {
    Marks marks; /* of what is held */
    Row doubts;  /* Doubt */
    size_t most; /* of doubts that are noted; the others remain */
} Held;

/* Whether objects of *type* hold on to something so. */
bool is_holder(const PyTypeObject *type);

bool held_begin(Memory *memory, Held *held, size_t most);
void held_free(Memory *memory, Held *held);

/* *object* survived: enter what it holds for good. False without memory, as below. */
bool held_survived(Memory *memory, Held *held, PyObject *object);

/* Nothing is known of *object*, which has that row. */
bool held_doubt(Memory *memory, Held *held, PyObject *object, size_t row);

/* Calls *resolve* with the row of each doubt about an object that is held, by whatever chain. */
bool held_resolve(Memory *memory, Held *held, void (*resolve)(size_t, void *), void *arg);

#endif
