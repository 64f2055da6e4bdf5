/* What code objects and locks are made of, in the versions of CPython.
 *
 * The public headers show the fields of a code object, with other ones from version to version, and not what a lock
 * takes beside its object. */
#ifndef MEMWATCH_CODE_AND_LOCKS_H
#define MEMWATCH_CODE_AND_LOCKS_H

#include "core/version.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

/* What *code* holds and never gives up, each NULL or an object. */
#define CODE_PARTS 9
static inline void
code_parts(const PyCodeObject *code, PyObject *parts[CODE_PARTS])
{
    PyObject *const found[CODE_PARTS] = {
        code->co_consts,   code->co_names, code->co_exceptiontable, code->co_localsplusnames, code->co_localspluskinds,
        code->co_filename, code->co_name,  code->co_qualname,       code->co_linetable,
    };
    memcpy(parts, found, sizeof(found));
}

/* What a program has asked *code* for, made then and kept: its bytes and, from 3.12 on, the names of its variables. */
#define CODE_ANSWERS 4
static inline void
code_answers(const PyCodeObject *code, PyObject *answers[CODE_ANSWERS])
{
    memset(answers, 0, CODE_ANSWERS * sizeof(PyObject *));
#if ANSWERS_ARE_APART
    const _PyCoCached *kept = code->_co_cached;
    if (kept) {
        answers[0] = kept->_co_code;
        answers[1] = kept->_co_varnames;
        answers[2] = kept->_co_cellvars;
        answers[3] = kept->_co_freevars;
    }
#else
    answers[0] = code->_co_code;
#endif
}

/* The block in which it keeps them. */
static inline Py_ssize_t
answers_size(const PyCodeObject *code)
{
#if ANSWERS_ARE_APART
    return code->_co_cached ? (Py_ssize_t)sizeof(_PyCoCached) : 0;
#else
    (void)code;
    return 0;
#endif
}

/* What debuggers and compilers have hung on it, in a block of a word and one for each of them. */
static inline Py_ssize_t
extra_size(const PyCodeObject *code)
{
    return code->co_extra ? (1 + *(const Py_ssize_t *)code->co_extra) * (Py_ssize_t)sizeof(void *) : 0;
}

/* The system's part of a lock, for which malloc is asked: thread_pthread.h; 0 where an object that locks has none. */
#if !LOCKS_ARE_THE_SYSTEMS
#define LOCK_SIZE 0
#elif defined(__APPLE__)
#define LOCK_SIZE                                                                                                      \
    ((Py_ssize_t)sizeof(struct {                                                                                       \
        char locked;                                                                                                   \
        pthread_cond_t released;                                                                                       \
        pthread_mutex_t mutex;                                                                                         \
    }))
#else
#define LOCK_SIZE ((Py_ssize_t)sizeof(sem_t))
#endif

/* Whether objects of *type* itself have one lock of that kind. */
static inline bool
has_lock(const PyTypeObject *type)
{
    static const char *const names[] = {"_thread.lock",       "_thread.RLock",
#if QUEUES_HAVE_LOCKS
                                        "_queue.SimpleQueue",
#endif
                                        "_io.BufferedReader", "_io.BufferedWriter", "_io.BufferedRandom"};
    for (size_t place = 0; LOCK_SIZE && place < Py_ARRAY_LENGTH(names); place++)
        if (strcmp(type->tp_name, names[place]) == 0)
            return true;
    return false;
}

#endif
