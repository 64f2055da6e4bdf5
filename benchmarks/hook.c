/* Functions before Python's allocators that do nothing but go on: what any sampler of allocations costs at least. As
 * memwatch's own, they leave the frees of Python's small blocks alone. */
#include <Python.h>

static PyMemAllocatorEx originals[3];

#define GO_ON(domain)                                                                                                  \
    static void *malloc_##domain(void *ctx, size_t bytes)                                                              \
    {                                                                                                                  \
        return originals[domain].malloc(ctx, bytes);                                                                   \
    }                                                                                                                  \
    static void *calloc_##domain(void *ctx, size_t count, size_t bytes)                                                \
    {                                                                                                                  \
        return originals[domain].calloc(ctx, count, bytes);                                                            \
    }                                                                                                                  \
    static void *realloc_##domain(void *ctx, void *block, size_t bytes)                                                \
    {                                                                                                                  \
        return originals[domain].realloc(ctx, block, bytes);                                                           \
    }

GO_ON(0)
GO_ON(1)
GO_ON(2)

static void free_raw(void *ctx, void *block)
{
    originals[PYMEM_DOMAIN_RAW].free(ctx, block);
}

void put_hooks(void)
{
    for (int domain = 0; domain < 3; domain++)
        PyMem_GetAllocator(domain, &originals[domain]);
    PyMemAllocatorEx raw = {originals[0].ctx, malloc_0, calloc_0, realloc_0, free_raw};
    PyMemAllocatorEx mem = {originals[1].ctx, malloc_1, calloc_1, realloc_1, originals[1].free};
    PyMemAllocatorEx obj = {originals[2].ctx, malloc_2, calloc_2, realloc_2, originals[2].free};
    PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &raw);
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &mem);
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &obj);
}

void take_hooks(void)
{
    for (int domain = 3; domain-- > 0;)
        PyMem_SetAllocator(domain, &originals[domain]);
}
