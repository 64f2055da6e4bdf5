/* malloc's own statistics: mallinfo2(), which glibc has from 2.33 on.
 *
 * It is looked for when it is first asked, so that what was built for an older glibc runs and finds it on a newer one,
 * and what was built for a newer one loads on an older. The older mallinfo() is not asked: its numbers are ints, which
 * a heap of 2 GiB overflows. Protected by the GIL. */
#include "malloc_bytes.h"

#include <dlfcn.h>

/* As malloc.h of glibc has it, which the headers of an older one do not. */
typedef struct {
    size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
} Statistics;

PyObject *
malloc_bytes(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
#ifdef __GLIBC__
    static Statistics (*ask)(void);
    if (ask == NULL)
        ask = (Statistics (*)(void))dlsym(RTLD_DEFAULT, "mallinfo2");
    if (ask) {
        Statistics statistics = ask();
        return PyLong_FromSize_t(statistics.uordblks + statistics.hblkhd);
    }
#endif
    Py_RETURN_NONE;
}
