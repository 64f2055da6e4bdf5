/* The slots of an object, and how one is changed while the program runs. See native.h.
 *
 * Most slots lie in memory that can be written to. Others the loader has sealed: their pages are made writable for the
 * moment of the change. A page that ought to be sealed and is not belongs to an object that is being loaded by another
 * thread, which is going to fill more slots there and to seal it then: it is left for the next time. Whether a page is
 * sealed is asked of the kernel, by an atomic operation on it that changes nothing. */
#include "libc/parts.h"

#if KNOWS_NATIVE

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
function_named(const char *name)
{
    static const char first[] = "mcrfpad"; /* letters that one of the names begins with */
    if (strchr(first, name[0]) == NULL)
        return -1;
    for (int function = 0; function < NATIVE_FUNCTIONS; function++)
        if (strcmp(native_functions[function].name, name) == 0)
            return function;
    return -1;
}

void
object_slots(const NativeObject *object, OnSlot on_slot, void *arg)
{
    for (int table = 0; table < 2; table++) {
        const ElfW(Rela) *entry = object->tables[table];
        for (size_t left = entry ? object->lengths[table] : 0; left; left--, entry++) {
            unsigned long kind = ELF64_R_TYPE(entry->r_info);
            if ((kind != SLOT_OF_CALLS && kind != SLOT_OF_ADDRESS && kind != SLOT_IN_DATA) || entry->r_addend)
                continue;
            const ElfW(Sym) *symbol = &object->symbols[ELF64_R_SYM(entry->r_info)];
            int function = function_named(object->texts + symbol->st_name);
            uintptr_t slot = object->base + entry->r_offset;
            if (function >= 0 && slot % sizeof(void *) == 0)
                on_slot(object, function, (void **)slot, kind == SLOT_OF_CALLS, arg);
        }
    }
}

/* ---- changing one ---- */

static bool
is_writable(void *word)
{
    static uint32_t nobody_waits;
    int operation = FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0);
    long woken = syscall(SYS_futex, &nobody_waits, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, NULL, word, operation);
    return woken >= 0 || errno != EFAULT;
}

static bool
exchange(void **slot, void *before, void *after)
{
    return __atomic_compare_exchange_n(slot, &before, after, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

bool
slot_exchange(const NativeObject *object, void **slot, void *before, void *after, bool loaded)
{
    uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE), page = (uintptr_t)slot & ~(size - 1);
    bool sealed = page >= object->sealed && page < object->sealed_end, writable = is_writable(slot);
    if (writable && (loaded || !sealed))
        return exchange(slot, before, after);
    if (writable || !sealed) /* it is being loaded; or lies in the middle of code */
        return false;
    if (mprotect((void *)page, size, PROT_READ | PROT_WRITE) != 0)
        return false;
    bool done = exchange(slot, before, after);
    mprotect((void *)page, size, PROT_READ);
    return done;
}

#endif
