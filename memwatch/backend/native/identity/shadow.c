/* Reserving the shadow, and emptying it. See shadow.h. */
#include "identity/shadow.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define SPAN ((size_t)1 << 36)
#define BELOW (SPAN / 4 * 3) /* of it: the system maps new memory below what there is */

Shadow shadow __attribute__((aligned(64)));

/* Whether addresses cost nothing; else so many could take from the program what it needs. Linux counts them where
 * overcommitting is off, and anyone may limit them; other systems are not known to empty pages when asked. */
static bool
addresses_are_free(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        return false;
    char policy = '2';
    int file = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool known = read(file, &policy, 1) == 1;
    close(file);
    return known && policy != '2';
}

void
shadow_reserve(Memory *memory, uintptr_t address)
{
    if (shadow.bytes || !addresses_are_free())
        return;
    shadow.bytes = memory_reserve(memory, SPAN / 16);
    shadow.start = address > BELOW ? (address - BELOW) & ~(uintptr_t)15 : 0;
}

bool
shadow_begin(void)
{
    if (shadow.bytes == NULL)
        return true;
    if (shadow.serial == LAST_SERIAL)
        return false;
    shadow.serial++;
    shadow.span = SPAN;
    return true;
}

void
shadow_empty(void)
{
    if (shadow.bytes == NULL)
        return;
    shadow.span = 0;
    shadow.serial = 0;
    memory_empty(shadow.bytes, SPAN / 16);
}
