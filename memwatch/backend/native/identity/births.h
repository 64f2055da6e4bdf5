/* Births: which objects came into being since a moment, as a set of marks.
 *
 * That moment begins an epoch, and each identity snapshot that watches births has one of its own. What is born is
 * entered in the latest epoch alone; the births since a snapshot are those of its epoch and all later ones. When a
 * snapshot is let go, its epoch's births are joined to the epoch before, which an older snapshot still needs, or freed
 * if there is none. While there is no epoch nothing is recorded and nothing is installed.
 *
 * How a birth is seen depends on the version: births_traced.c or births_marked.c. The first enters most of them in the
 * shadow, all else in the marks of the epoch. Either may find that some were missed; then the epochs of that time are
 * unsure, for good. So are those that see the serials of the shadow run out: 255 epochs in a row that overlap.
 *
 * There is one set of epochs in a process, for the interpreter that was first; another interpreter's snapshots are
 * unsure from the start. Protected by the GIL of that interpreter, save `owner`, which is taken by exchange. */
#ifndef MEMWATCH_BIRTHS_H
#define MEMWATCH_BIRTHS_H

#include "identity/shadow.h"
#include "census/walk.h"

typedef struct Epoch {
    Marks marks;
    Marks loose;          /* dicts that the collector may have given up tracking; births_marked.c has the reason */
    struct Epoch *before; /* older */
    struct Epoch *next;   /* younger */
    uint8_t serial;       /* from which one on the shadow's births are since then */
    bool unsure;
} Epoch;

typedef struct {
    PyInterpreterState *owner;
    GCState collector;
    Memory memory;
    Epoch *oldest;
    Epoch *latest;
} Births;

extern Births births;

/* What is to be made before the walk, because it allocates: false with an exception. */
bool births_prepare(void);

/* Watch from now on; NULL without memory or for another interpreter, which is no error: all is doubtful then. */
Epoch *births_begin(const GCState *collector);

/* Bring the births up to this moment; whether all since *epoch* are known. */
bool births_look(Epoch *epoch);

/* Watch no longer since *epoch*. */
void births_end(Epoch *epoch);

/* Keep what the births themselves are made of out of a walk. */
bool births_leave_out(Walk *walk);

/* The interpreter goes: nothing of it must be held. */
void births_forget(void);

static inline bool
births_has(const Epoch *epoch, const PyObject *object)
{
    if (shadow_has(object, epoch->serial))
        return true;
    for (; epoch; epoch = epoch->next)
        if (marks_has(&epoch->marks, object))
            return true;
    return false;
}

/* Whether *object*, if it is a dict, may look born since *epoch* without having been. */
static inline bool
births_may_be_old(const Epoch *epoch, const PyObject *object)
{
    for (; epoch; epoch = epoch->next)
        if (marks_has(&epoch->loose, object))
            return true;
    return false;
}

/* ---- for births_*.c ---- */

void births_are_unsure(void);

/* Enter a birth in the latest epoch, in its marks; what another interpreter makes is not. */
void birth(PyObject *object);

/* The two ways: to begin, to look, to end. */
bool watcher_prepare(void);
bool watcher_begin(void);
bool watcher_look(void);
void watcher_end(void);
bool watcher_leave_out(Walk *walk);
void watcher_forget(void);

#endif
