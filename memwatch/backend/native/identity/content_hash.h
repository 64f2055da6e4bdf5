/* What tells an object from another one at the same address: a hash of its content, where no birth can be seen.
 *
 * A hash is 64 bits, of which a snapshot keeps the upper ones, as many as it has room for, and 12 at least. It is 0
 * for an object of whose content nothing is known. What an object may cache, as a str its hash, is no part of it. A
 * dict has no hash of what it holds but of its state: the same one proves the same dict, another proves nothing. */
#ifndef MEMWATCH_PRINTS_H
#define MEMWATCH_PRINTS_H

#include "core/version.h"

uint64_t content_hash(PyObject *object);

/* Whether an object at the same address and with another hash has to be another object. */
bool hash_decides(PyObject *object);

/* Whether *object* lives as long as the interpreter. */
bool is_permanent(PyObject *object);

#endif
