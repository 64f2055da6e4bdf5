/* What Python's own allocator holds: its blocks, by number and by bytes. arenas.c says how it is known. */
#ifndef MEMWATCH_ARENAS_H
#define MEMWATCH_ARENAS_H

#include "../core/version.h"

/* Look for the arenas, once in a process, in its main interpreter: before another allocator is put in front. False with
 * an exception; that they are not found is none. */
bool arenas_find(void);

/* Whether the arenas are known, and are those of the running interpreter. */
bool arenas_known(void);

/* What the module has of it: count_blocks() and may_count_blocks(). */
extern PyMethodDef arenas_methods[];

#endif
