/* Whether the loader's lock can be had. See native.h.
 *
 * In a child of fork() it stays locked for ever if another thread had it at that moment. Nobody can ask the loader for
 * that, so once in each process a thread is sent to take the lock and to give it back. If it is not back in time there
 * is no walk, or there would be none to come back from; the thread waits, and if the lock comes free after all, walks
 * begin. */
#include "libc/parts.h"

#if KNOWS_NATIVE

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define PATIENCE 1000000000 /* nanoseconds */
#define GLANCE 100000
#define STACK (1 << 20) /* bytes, the threads' own variables of all libraries included */

enum { UNKNOWN, SENT, LOST, FREE };

static int lock = UNKNOWN;

static int
first_object(struct dl_phdr_info *Py_UNUSED(info), size_t Py_UNUSED(size), void *Py_UNUSED(arg))
{
    return 1;
}

static void *
take_and_give_back(void *Py_UNUSED(arg))
{
    dl_iterate_phdr(first_object, NULL);
    __atomic_store_n(&lock, FREE, __ATOMIC_RELEASE);
    return NULL;
}

static bool
send_a_thread(void)
{
    pthread_t thread;
    pthread_attr_t wanted;
    sigset_t all, before;
    if (pthread_attr_init(&wanted) != 0)
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool sent = pthread_attr_setdetachstate(&wanted, PTHREAD_CREATE_DETACHED) == 0 &&
                pthread_attr_setstacksize(&wanted, STACK) == 0 &&
                pthread_create(&thread, &wanted, take_and_give_back, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&wanted);
    return sent;
}

static bool
change(int before, int after)
{
    return __atomic_compare_exchange_n(&lock, &before, after, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

bool
loader_answers(void)
{
    if (change(UNKNOWN, SENT) && !send_a_thread())
        change(SENT, UNKNOWN);
    for (long waited = 0; __atomic_load_n(&lock, __ATOMIC_ACQUIRE) == SENT && waited < PATIENCE; waited += GLANCE)
        nanosleep(&(struct timespec){.tv_nsec = GLANCE}, NULL);
    change(SENT, LOST);
    return __atomic_load_n(&lock, __ATOMIC_ACQUIRE) == FREE;
}

void
loader_forked(void)
{
    __atomic_store_n(&lock, UNKNOWN, __ATOMIC_RELEASE);
}

#endif
