/* Reads line and column of an instruction from a code object's table of positions. */
#ifndef MEMWATCH_LINES_H
#define MEMWATCH_LINES_H

#include "sampling/version.h"

typedef struct {
    uint32_t line;   /* from 1, 0: unknown */
    uint32_t column; /* from 1, 0: unknown; counted in bytes of UTF-8 */
} Position;

Position position_of(PyCodeObject *code, uint32_t unit);

#endif
