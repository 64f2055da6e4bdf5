/* memwatch.backend._native on free-threaded Python: the sampler, and looks at an interpreter that stands still.
 *
 * The walks of the other folders follow the collector's lists, which there are none of without a GIL, and believe that
 * nothing runs beside them. There the heap is walked in Python (backend/census/pure.py), from what stopped.c gives. The
 * sampler needs no GIL where it has one: a hook reads the frames of its own thread, and all that it keeps is changed
 * under a lock. setup.py builds this instead of ../module.c. */
#include "free_threaded/stopped.h"
#include "meters/malloc.h"
#include "sampling/methods.h"

static PyMethodDef methods[] = {
    {"malloc_bytes", malloc_bytes, METH_NOARGS, malloc_doc},
    {"tracked", tracked, METH_NOARGS, tracked_doc},
    {"count_stopped", count_stopped, METH_NOARGS, count_stopped_doc},
    {"stopped_referents", stopped_referents, METH_O, stopped_referents_doc},
    {"stopped_threads", stopped_threads, METH_O, stopped_threads_doc},
    {NULL, NULL, 0, NULL},
};

static int
execute(PyObject *module)
{
    if (PyModule_AddFunctions(module, sampling_methods) < 0 ||
        PyModule_AddObjectRef(module, "walks_heap", Py_False) < 0 ||
        PyModule_AddStringConstant(module, "contract", MEMWATCH_CONTRACT) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "knows_frames", Py_True); /* the sampler tests itself when it starts */
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "memwatch.backend._native",
    .m_doc = "The sampler, and what can be seen while all threads stand still.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
