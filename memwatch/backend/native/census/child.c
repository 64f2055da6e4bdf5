/* The parent's side of a census in a forked child. See child.h, and send.c for the child's.
 *
 * The child is made by the system call, not by fork(): so no handler of the program or of a library runs around it, in
 * neither process. And it is made without an exit signal: no SIGCHLD comes when it ends, and a wait for any child does
 * not find it, because only a wait with __WALL does. It is always waited for here, and killed before if need be.
 *
 * The GIL is held while the child is made and released while it is at work. It sends labels, not addresses of types:
 * those it would have to send for types that the parent may free meanwhile and replace by others at the same place,
 * so the parent would have to hold every type there is beforehand, which takes a walk. Labels cost label.c.
 *
 * The end of the pipe is not relied on: a child of another thread may have inherited its writing end. The last message
 * says that it is the last, and once a second it is looked whether the child is still there. */
#include "census/child.h"

#include "census/send.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_EVERY 1.0 /* seconds */
#define FIRST_ROOM ((size_t)1 << 16)

typedef enum { COMPLETE, BROKEN, LATE, INTERRUPTED, FULL } Outcome;

typedef struct {
    pid_t pid;
    int pipe;
    bool gone; /* it was waited for */
    int status;
    double deadline;
    double pause; /* seconds that its making took */
    char *data; /* what it has sent */
    size_t used;
    size_t room;
    size_t read; /* messages before here are whole */
} Child;

/* 0, or an errno. The thread's mask is the child's: no signal is ever handled there. */
static int
make_child(Child *child, Walk *walk, Collector *collector)
{
    int ends[2], error = 0;
    sigset_t all, before;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return errno;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    double begun = monotonic_seconds();
    long pid = syscall(SYS_clone, 0, 0, 0, 0, 0);
    if (pid == 0)
        send_totals(walk, collector, ends[1]);
    if (pid < 0)
        error = errno;
    child->pause = monotonic_seconds() - begun;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (error)
        close(ends[0]);
    child->pid = (pid_t)pid;
    child->pipe = ends[0];
    return error;
}

/* ---- without the GIL ---- */

static void
wait_for(Child *child, int options)
{
    pid_t found;
    if (child->gone)
        return;
    do {
        found = waitpid(child->pid, &child->status, __WALL | options);
    } while (found < 0 && errno == EINTR);
    child->gone = found != 0; /* or it is nobody's any more */
}

/* Go on over whole messages; the kind of the last, or A_TYPE while it has not come. */
static SentKind
read_messages(Child *child)
{
    Sent sent;
    while (child->used - child->read >= sizeof(sent)) {
        memcpy(&sent, child->data + child->read, sizeof(sent));
        if (sent.kind != A_TYPE)
            return sent.kind;
        if (child->used - child->read - sizeof(sent) < sent.label)
            break;
        child->read += sizeof(sent) + sent.label;
    }
    return A_TYPE;
}

static bool
make_room(Child *child)
{
    if (child->used < child->room)
        return true;
    size_t room = child->room ? 2 * child->room : FIRST_ROOM;
    char *data = PyMem_RawRealloc(child->data, room);
    if (data == NULL)
        return false;
    child->data = data;
    child->room = room;
    return true;
}

static Outcome
receive(Child *child)
{
    struct pollfd pipe = {.fd = child->pipe, .events = POLLIN};
    while (read_messages(child) == A_TYPE) {
        double left = child->deadline - monotonic_seconds();
        if (left <= 0)
            return LATE;
        int ready = poll(&pipe, 1, (int)(1000 * Py_MIN(left, LOOK_EVERY)) + 1);
        if (ready == 0)
            wait_for(child, WNOHANG);
        if (ready == 0 && child->gone)
            return BROKEN;
        if (ready < 0)
            return errno == EINTR ? INTERRUPTED : BROKEN;
        if (ready == 0)
            continue;
        if (!make_room(child))
            return FULL;
        ssize_t got = read(child->pipe, child->data + child->used, child->room - child->used);
        if (got <= 0)
            return got < 0 && errno == EINTR ? INTERRUPTED : BROKEN;
        child->used += (size_t)got;
    }
    return COMPLETE;
}

static void
end_child(Child *child, bool kill_it)
{
    if (kill_it && !child->gone)
        kill(child->pid, SIGKILL);
    wait_for(child, 0);
    close(child->pipe);
}

/* ---- with the GIL ---- */

/* The child's answer, and its end. An INTERRUPTED means that a signal handler has raised. */
static Outcome
hear(Child *child)
{
    Outcome outcome;
    do {
        Py_BEGIN_ALLOW_THREADS
        outcome = receive(child);
        Py_END_ALLOW_THREADS
    } while (outcome == INTERRUPTED && PyErr_CheckSignals() == 0);
    Py_BEGIN_ALLOW_THREADS
    end_child(child, outcome != COMPLETE && outcome != BROKEN);
    Py_END_ALLOW_THREADS
    return outcome;
}

static PyObject *
list_totals(const Child *child)
{
    PyObject *totals = PyList_New(0);
    Sent sent;
    for (size_t place = 0; totals && place < child->read; place += sizeof(sent) + sent.label) {
        memcpy(&sent, child->data + place, sizeof(sent));
        const char *text = child->data + place + sizeof(sent);
        PyObject *label = PyUnicode_DecodeUTF8(text, (Py_ssize_t)sent.label, "surrogatepass");
        PyObject *total = label ? Py_BuildValue("(NKK)", label, (unsigned long long)sent.count,
                                                (unsigned long long)sent.bytes)
                                : NULL;
        if (total == NULL || PyList_Append(totals, total) < 0)
            Py_CLEAR(totals);
        Py_XDECREF(total);
    }
    return totals;
}

static PyObject *
answer(Child *child, Outcome outcome, double patience)
{
    if (outcome == INTERRUPTED)
        return NULL;
    if (outcome == FULL || (outcome == COMPLETE && read_messages(child) == NO_MEMORY))
        return PyErr_NoMemory();
    if (outcome == COMPLETE)
        return Py_BuildValue("(Nd)", list_totals(child), child->pause);
    if (outcome == LATE)
        PyErr_Format(PyExc_RuntimeError, "the child that counts was not ready after %ld s", (long)patience);
    else if (WIFSIGNALED(child->status))
        PyErr_Format(PyExc_RuntimeError, "the child that counts was ended by signal %d%s", WTERMSIG(child->status),
                     WTERMSIG(child->status) == SIGKILL ? ", as a lack of memory does" : "");
    else
        PyErr_SetString(PyExc_RuntimeError, "the child that counts ended without an answer");
    return NULL;
}

PyObject *
child_totals(Walk *walk, Collector *collector, double patience)
{
    Child child = {.deadline = monotonic_seconds() + patience};
    int error = make_child(&child, walk, collector);
    if (error) {
        errno = error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Outcome outcome = hear(&child);
    PyObject *totals = answer(&child, outcome, patience);
    PyMem_RawFree(child.data);
    return totals;
}

#else

PyObject *
child_totals(Walk *walk, Collector *collector, double patience)
{
    (void)walk, (void)collector, (void)patience;
    PyErr_SetString(PyExc_RuntimeError, "a child that counts is made on Linux alone, on x86-64 and aarch64");
    return NULL;
}

#endif
