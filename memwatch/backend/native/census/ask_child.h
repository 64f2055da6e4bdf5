/* The parent's side of a look in a forked child: it makes the child, and waits for its answer. Only the making of the
 * child holds up the program, and not the walk. */
#ifndef MEMWATCH_ASK_CHILD_H
#define MEMWATCH_ASK_CHILD_H

#include "census/send_from_child.h"

/* What a child has sent, and what it took. */
typedef struct {
    Memory memory;
    char *data;
    size_t used;
    size_t room;
    size_t whole; /* messages before here are */
    double pause; /* seconds that its making held the program */
    double price; /* seconds of processor time that it took */
    double work; /* seconds of processor time that it used */
    long faults; /* pages that the program came to have while it lived: copied ones, and new ones */
} Answer;

/* What the child does, with *arg*; never returns. */
typedef void (*Work)(void *arg, int pipe);

/* Make a child that does *work*, and wait for its whole answer, to be freed in any case. The GIL is released meanwhile;
 * *ask*, unless it is None, is called some times a second and may raise. False with an exception: OSError where there
 * can be no child, MemoryError, RuntimeError where it was killed, used more than *patience* seconds of processor time
 * or did nothing for a minute, RuntimeError on other platforms than Linux on x86-64 and aarch64, and what *ask* or a
 * signal handler raises. */
bool child_ask(Answer *answer, Work work, void *arg, double patience, PyObject *ask);
void answer_free(Answer *answer);

/* The next message from *place* on, and what comes with it; false after the last. */
bool answer_next(const Answer *answer, size_t *place, Sent *sent, const char **text);

/* [(label, objects, bytes, number), ...] of the types in *answer*. */
PyObject *answer_totals(const Answer *answer);

/* The same by a child that does *walk*, which is ready to run; with the pause. NULL as child_ask() says. */
PyObject *child_totals(Walk *walk, const GCState *collector, double patience);

#endif
