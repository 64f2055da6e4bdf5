/* A heap snapshot as V8's programs write it: JSON, streamed into a file. */
#ifndef MEMWATCH_WRITE_H
#define MEMWATCH_WRITE_H

#include "graph/graph.h"
#include "core/ids.h"

/* What is known of allocations, made beforehand: JSON, and for objects by address the number of their stack. */
typedef struct {
    PyObject *strings; /* a list of str: the first strings, which the JSON refers to */
    PyObject *stacks;  /* bytes: pairs of 64 bits */
    PyObject *functions; /* bytes; how many */
    size_t count;
    PyObject *tree;    /* bytes */
    PyObject *about;   /* bytes: an object with what is known of the process */
} AllocationData;

typedef struct {
    uint64_t objects; /* of the heap */
    uint64_t bytes;   /* of all objects, each as a census counts it, and their buffers */
    uint64_t nodes;   /* written */
    uint64_t edges;
    uint64_t length;  /* of the file */
    uint64_t peak;    /* bytes of memory that it took */
    int64_t error;    /* of a write, or 0 */
    uint64_t too_large; /* for the 32 bits of the format: 1 what it has, 2 where its objects lie */
} Facts;

/* False where the memory is out, or with an error in *facts*. */
bool graph_write(Graph *graph, const AllocationData *allocations, Ids *ids, int file, Facts *facts);

#endif
