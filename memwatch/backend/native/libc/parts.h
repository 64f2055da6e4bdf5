/* What the parts of the sampling of native allocations offer each other. See native.h. */
#ifndef MEMWATCH_NATIVE_PARTS_H
#define MEMWATCH_NATIVE_PARTS_H

#include "core/version.h" /* first, as it decides what the system's headers offer */

#include "libc/libc.h"

#if KNOWS_NATIVE

#include <link.h>

/* The kinds of slots: for calls; for an address that code takes; for one in the middle of data. */
#if defined(__x86_64__)
#define SLOT_OF_CALLS R_X86_64_JUMP_SLOT
#define SLOT_OF_ADDRESS R_X86_64_GLOB_DAT
#define SLOT_IN_DATA R_X86_64_64
#else
#define SLOT_OF_CALLS R_AARCH64_JUMP_SLOT
#define SLOT_OF_ADDRESS R_AARCH64_GLOB_DAT
#define SLOT_IN_DATA R_AARCH64_ABS64
#endif

/* ---- hooks.c ---- */

enum {
    NATIVE_MALLOC,
    NATIVE_CALLOC,
    NATIVE_REALLOC,
    NATIVE_FREE,
    NATIVE_POSIX_MEMALIGN,
    NATIVE_ALIGNED_ALLOC,
    NATIVE_MEMALIGN,
    NATIVE_REALLOCARRAY,
    NATIVE_DLSYM, /* in the object with Python's allocators alone */
    NATIVE_FUNCTIONS
};

/* `original` is what calls reach, and never changes once the first hook is in place; NULL where there is none.
 * `address` is what C code sees as the function's address: the same, but in programs that have fixed it. `linked` is
 * what the loader has told this extension. */
typedef struct {
    const char *name;
    void *hook;
    void *linked;
    void *original;
    void *address;
    int definers; /* objects that define it, but for the loader */
} NativeFunction;

extern NativeFunction native_functions[NATIVE_FUNCTIONS] __attribute__((visibility("hidden")));

/* What the hooks are told, before the first of them is in place: the filter's kind, and whether malloc_usable_size()
 * knows the blocks. */
void native_hooks_begin(bool by_page, bool usable);

/* ---- object.c ---- */

/* A loaded object, as far as it matters here. */
typedef struct {
    uintptr_t base;
    uintptr_t low, high; /* where it lies */
    uintptr_t sealed, sealed_end; /* pages that the loader makes read-only once it has filled their slots */
    const char *name;
    const ElfW(Sym) *symbols;
    const char *texts;
    const uint32_t *hash;
    const ElfW(Rela) *tables[2];
    size_t lengths[2];
} NativeObject;

/* False for an object that has none of that. */
bool object_read(NativeObject *object, const struct dl_phdr_info *info);

/* Its own symbol of that name, defined by it or fixed by it; NULL. */
const ElfW(Sym) *object_symbol(const NativeObject *object, const char *name);

static inline bool
object_has(const NativeObject *object, const void *address)
{
    return (uintptr_t)address >= object->low && (uintptr_t)address < object->high;
}

/* ---- slots.c ---- */

/* What to do with each slot of an object for one of our functions; `calls` tells a slot that is only called by. */
typedef void (*OnSlot)(const NativeObject *object, int function, void **slot, bool calls, void *arg);

void object_slots(const NativeObject *object, OnSlot on_slot, void *arg);

/* Write *after* to a slot that holds *before*. False if it holds something else, or must not be written to now: before
 * the object is *loaded*, which is known of one that had a hook already. */
bool slot_exchange(const NativeObject *object, void **slot, void *before, void *after, bool loaded);

/* ---- loader.c ---- */

/* Without the GIL, before a walk: false if the loader's lock may never come free, so that no walk must begin. */
bool loader_answers(void);

/* In a child after fork(): that is not known any more. */
void loader_forked(void);

/* ---- patch.c ---- */

/* All of these one thread at a time, without the GIL, and if loader_answers(). */

/* Find the originals; a text that says what is wrong, or NULL. */
const char *native_resolve(void);

/* Whether malloc_usable_size() is the allocator's own. */
bool native_knows_sizes(void);

/* Fill the slots with hooks, or put them back. *python* are addresses inside of Python's allocators. */
#define PYTHONS 3
void native_fill(void *const python[PYTHONS], NativeCount *count);
void native_empty(void);

/* Whether objects have come or gone since native_fill(), or were not ready then. */
bool native_is_stale(void);

/* Call *on_slot* for each slot of any object for one of our functions. */
void native_each(OnSlot on_slot, void *arg);

/* ---- native.c ---- */

/* From the hook of dlsym(), in the thread that has loaded something. */
void native_after_load(void);

#endif
#endif
