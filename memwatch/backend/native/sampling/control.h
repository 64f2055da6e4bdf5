/* Starting and stopping. All of it needs the GIL of the main interpreter. */
#ifndef MEMWATCH_CONTROL_H
#define MEMWATCH_CONTROL_H

#include "sampling/hooks.h"

/* Begin with nothing; false with an exception if that cannot be done. It is not running yet. */
bool sampling_begin(double interval, int depth, size_t most);

/* End, and forget everything. What hangs on the sampling that runs, if anything, ends with it: libc/ enters itself. */
void sampling_end(void);
extern void (*sampling_at_end)(void);

/* Whether it runs, and nobody has taken the hooks away. */
bool sampling_runs(void);

/* Draw with another interval from now on. */
void sampling_change(double interval);

#endif
