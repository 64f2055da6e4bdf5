/* How much memory SQLite's pages take, by its own count for the whole process (sqlite3_status64).
 *
 * The library is found through the extension module that uses it, and only if both are loaded: nothing is loaded for
 * the sake of a number. SQLite takes a lock for itself while it reads two counters, and calls nobody. */
#include "meters/sqlite.h"

#include <dlfcn.h>

#define PAGES_OUTSIDE 2 /* SQLITE_STATUS_PAGECACHE_OVERFLOW: bytes of pages that came from malloc */

typedef int Status(int what, long long *now, long long *highest, int reset);

const char sqlite_page_bytes_doc[] =
    "sqlite_page_bytes(path)\n--\n\nBytes of SQLite's pages, of the library behind the module at path; None if it does "
    "not tell.";

PyObject *
sqlite_page_bytes(PyObject *Py_UNUSED(module), PyObject *path)
{
    const char *name = PyUnicode_AsUTF8(path);
    if (name == NULL)
        return NULL;
    void *library = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
    if (library == NULL)
        Py_RETURN_NONE;
    Status *status;
    *(void **)&status = dlsym(library, "sqlite3_status64");
    long long now = 0, highest = 0;
    int failed = status == NULL || status(PAGES_OUTSIDE, &now, &highest, 0) != 0;
    dlclose(library);
    if (failed)
        Py_RETURN_NONE;
    return PyLong_FromLongLong(now);
}
