/* Walks over the loaded objects, fills their slots with hooks and puts them back. See native.h.
 *
 * Nothing is noted of a slot: what it held follows from its kind. One for calls held the original's address, or, as
 * long as nothing had been called through it, that of a stub which has the loader find the original; to write the
 * original there is what that would have come to. Whether the stub would have found *our* original is certain if there
 * is only one in the process; else such a slot is left until it has been used.
 *
 * The walks run under the loader's lock, so that no object goes away meanwhile. They take no other lock, and call
 * nothing but the kernel. */
#include "libc/parts.h"

#if KNOWS_NATIVE

#include <malloc.h>
#include <sys/auxv.h>

static bool resolved;
static bool knows_sizes;
static bool unready; /* a slot could not be filled */
static int tries;    /* to fill it */

/* How many objects the loader has ever added and removed. */
typedef struct {
    unsigned long long adds, subs;
} Counts;

static Counts filled; /* when slots were filled last */

#define MOST_TRIES 5 /* at what may never be ready */

typedef bool (*OnObject)(const NativeObject *object, void *arg);

typedef struct {
    OnObject on_object;
    void *arg;
    Counts counts;
} Walk;

static bool
is_loaders(const NativeObject *object)
{
    uintptr_t loader = getauxval(AT_BASE), kernels = getauxval(AT_SYSINFO_EHDR);
    return (loader && object->base == loader) || (kernels && object_has(object, (void *)kernels));
}

static int
on_info(struct dl_phdr_info *info, size_t Py_UNUSED(size), void *arg)
{
    Walk *walk = arg;
    NativeObject object;
    walk->counts = (Counts){info->dlpi_adds, info->dlpi_subs};
    return object_read(&object, info) && !is_loaders(&object) && walk->on_object(&object, walk->arg);
}

static Counts
each_object(OnObject on_object, void *arg)
{
    Walk walk = {.on_object = on_object, .arg = arg};
    dl_iterate_phdr(on_info, &walk);
    return walk.counts;
}

/* ---- the originals ---- */

/* The loader binds to the first object that defines a name. An undefined symbol with a value fixes the address that
 * all others see. */
static bool
learn(const NativeObject *object, void *Py_UNUSED(arg))
{
    for (NativeFunction *function = native_functions; function < native_functions + NATIVE_FUNCTIONS; function++) {
        const ElfW(Sym) *symbol = object_symbol(object, function->name);
        if (symbol == NULL || symbol->st_value == 0)
            continue;
        void *address = (void *)(object->base + symbol->st_value);
        bool defined = symbol->st_shndx != SHN_UNDEF, first = function->definers == 0;
        function->definers += defined;
        if (resolved)
            continue;
        if (function->address == NULL)
            function->address = address;
        if (!defined || !first)
            continue;
        function->original = ELF64_ST_TYPE(symbol->st_info) == STT_FUNC ? address : NULL;
        if (function == &native_functions[NATIVE_MALLOC])
            knows_sizes = object_has(object, (void *)malloc_usable_size);
    }
    return false;
}

static Counts
learn_all(void)
{
    for (int function = 0; function < NATIVE_FUNCTIONS; function++)
        native_functions[function].definers = 0;
    return each_object(learn, NULL);
}

const char *
native_resolve(void)
{
    if (resolved)
        return NULL;
    learn_all();
    for (int number = 0; number < NATIVE_FUNCTIONS; number++) {
        NativeFunction *function = &native_functions[number];
        if (function->original && function->linked == function->address)
            continue;
        function->original = NULL;
        if (number <= NATIVE_FREE)
            return "it cannot be told where the allocator of this process is";
    }
    resolved = true;
    return NULL;
}

bool
native_knows_sizes(void)
{
    return knows_sizes;
}

/* ---- filling and emptying ---- */

typedef struct {
    void *const *python;
    NativeCount *count;
    bool pythons; /* the object at hand has Python's allocators */
} Filling;

static bool
defines_an_allocator(const NativeObject *object)
{
    for (int function = 0; function <= NATIVE_FREE; function++) {
        const ElfW(Sym) *symbol = object_symbol(object, native_functions[function].name);
        if (symbol && symbol->st_shndx != SHN_UNDEF)
            return true;
    }
    return false;
}

static void
fill_slot(const NativeObject *object, int number, void **slot, bool calls, void *arg)
{
    Filling *filling = arg;
    const NativeFunction *function = &native_functions[number];
    if (function->original == NULL || (number == NATIVE_DLSYM) != filling->pythons)
        return;
    void *now = __atomic_load_n(slot, __ATOMIC_RELAXED);
    bool unused = calls && object_has(object, now) && function->definers == 1;
    if (now != function->hook && now != function->original && now != function->address && !unused)
        return;
    if (now == function->hook || slot_exchange(object, slot, now, function->hook, false))
        filling->count->slots++;
    else
        unready = true;
}

static bool
fill_object(const NativeObject *object, void *arg)
{
    Filling *filling = arg;
    if (object_has(object, native_functions[NATIVE_MALLOC].hook) || defines_an_allocator(object))
        return false;
    filling->pythons = object_has(object, (void *)PyType_Type.tp_call);
    for (int address = 0; address < PYTHONS; address++)
        filling->pythons = filling->pythons || object_has(object, filling->python[address]);
    uint32_t before = filling->count->slots;
    object_slots(object, fill_slot, filling);
    filling->count->objects += filling->count->slots > before;
    return false;
}

void
native_fill(void *const python[PYTHONS], NativeCount *count)
{
    Filling filling = {.python = python, .count = count};
    Counts before = filled;
    *count = (NativeCount){0};
    unready = false;
    filled = learn_all(); /* what comes during the walk that follows will be looked for again */
    tries = filled.adds == before.adds && filled.subs == before.subs ? tries + 1 : 0;
    each_object(fill_object, &filling);
}

static void
empty_slot(const NativeObject *object, int number, void **slot, bool calls, void *Py_UNUSED(arg))
{
    const NativeFunction *function = &native_functions[number];
    if (__atomic_load_n(slot, __ATOMIC_RELAXED) == function->hook)
        slot_exchange(object, slot, function->hook, calls ? function->original : function->address, true);
}

void
native_empty(void)
{
    native_each(empty_slot, NULL);
}

/* ---- looking ---- */

typedef struct {
    OnSlot on_slot;
    void *arg;
} EachSlot;

static bool
all_slots(const NativeObject *object, void *arg)
{
    EachSlot *each = arg;
    object_slots(object, each->on_slot, each->arg);
    return false;
}

void
native_each(OnSlot on_slot, void *arg)
{
    each_object(all_slots, &(EachSlot){on_slot, arg});
}

static int
compare_counts(struct dl_phdr_info *info, size_t Py_UNUSED(size), void *stale)
{
    *(bool *)stale = info->dlpi_adds != filled.adds || info->dlpi_subs != filled.subs;
    return 1;
}

bool
native_is_stale(void)
{
    bool stale = false;
    dl_iterate_phdr(compare_counts, &stale);
    return stale || (unready && tries < MOST_TRIES);
}

#endif
