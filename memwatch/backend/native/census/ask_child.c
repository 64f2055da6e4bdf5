/* The parent's side of a look in a forked child. See ask_child.h, and send_from_child.c for the
 * child's.
 *
 * The child is made by the system call, not by fork(): so no handler of the program or of a library runs around it, in
 * neither process. And it is made without an exit signal: no SIGCHLD comes when it ends, and a wait for any child does
 * not find it, because only a wait with __WALL does. It is always waited for here, and killed before if need be.
 *
 * The GIL is held while the child is made and released while it is at work. It sends labels, not addresses of types:
 * those it would have to send for types that the parent may free meanwhile and replace by others at the same place,
 * so the parent would have to hold every type there is beforehand, which takes a walk. Labels cost type_label.c.
 *
 * The end of the pipe is not relied on: a child of another thread may have inherited its writing end. The last message
 * says that it is the last, and while none comes it is looked whether the child is still there.
 *
 * How long it may take is counted in its own processor time, so that a busy machine does not decide what is found. */
#include "census/ask_child.h"

#include <string.h>

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY 0.05 /* seconds */
#define STANDS_STILL 60.0 /* seconds without any processor time: it was stopped */
#define FIRST_ROOM ((size_t)1 << 16)

typedef enum { COMPLETE, BROKEN, LATE, STILL, WAITING, FULL, RAISED } Outcome;

typedef struct {
    pid_t pid;
    int pipe;
    bool gone; /* it was waited for */
    int status;
    double patience;
    double worked; /* seconds of processor time, as last seen */
    double moved;  /* when that was seen to change */
    Answer *answer;
} Child;

/* 0 where it cannot be read. */
static double
clock_seconds(clockid_t clock)
{
    struct timespec now;
    return clock_gettime(clock, &now) == 0 ? (double)now.tv_sec + (double)now.tv_nsec * 1e-9 : 0.0;
}

/* The pages that the other threads of this process were given so far without reading them from anywhere: this one's are
 * the answer's. */
static long
count_faults(void)
{
    struct rusage all = {0}, own = {0};
    getrusage(RUSAGE_SELF, &all);
    getrusage(RUSAGE_THREAD, &own);
    return all.ru_minflt - own.ru_minflt;
}

/* 0, or an errno. The thread's mask is the child's: no signal is ever handled there. */
static int
make_child(Child *child, Work work, void *arg)
{
    int ends[2], error = 0;
    sigset_t all, before;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return errno;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    double begun = monotonic_seconds(), spent = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
    long pid = syscall(SYS_clone, 0, 0, 0, 0, 0);
    if (pid == 0)
        work(arg, ends[1]);
    if (pid < 0)
        error = errno;
    child->moved = monotonic_seconds();
    child->answer->pause = child->moved - begun;
    child->answer->faults = count_faults();
    child->answer->price = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - spent;
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
    struct rusage used = {0};
    if (child->gone)
        return;
    do {
        found = wait4(child->pid, &child->status, __WALL | options, &used);
    } while (found < 0 && errno == EINTR);
    child->gone = found != 0; /* or it is nobody's any more */
    if (found > 0)
        child->answer->work = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                              (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

/* Go on over whole messages; the kind of the last, or 0 while it has not come. */
static SentKind
read_messages(Answer *answer)
{
    Sent sent;
    while (answer->used - answer->whole >= sizeof(sent)) {
        memcpy(&sent, answer->data + answer->whole, sizeof(sent));
        if (sent.kind >= ALL_SENT)
            return sent.kind;
        if (answer->used - answer->whole - sizeof(sent) < sent.length)
            break;
        answer->whole += sizeof(sent) + sent.length;
    }
    return 0;
}

/* In mappings, for a large block of malloc's that is freed changes from where malloc takes the next ones. */
static bool
make_room(Answer *answer)
{
    if (answer->used < answer->room)
        return true;
    size_t room = answer->room ? 2 * answer->room : FIRST_ROOM;
    char *data = memory_map(&answer->memory, room);
    if (data == NULL)
        return false;
    if (answer->used)
        memcpy(data, answer->data, answer->used);
    memory_unmap(&answer->memory, answer->data, answer->room);
    answer->data = data;
    answer->room = room;
    return true;
}

/* What has become of the child while it sends nothing. */
static Outcome
look_after(Child *child)
{
    clockid_t clock;
    wait_for(child, WNOHANG);
    if (child->gone)
        return WAITING; /* for what lies in the pipe */
    double worked = clock_getcpuclockid(child->pid, &clock) == 0 ? clock_seconds(clock) : 0.0;
    if (worked > child->worked)
        child->moved = monotonic_seconds();
    child->worked = worked;
    if (child->worked > child->patience)
        return LATE;
    return monotonic_seconds() - child->moved > STANDS_STILL ? STILL : WAITING;
}

static Outcome
receive(Child *child)
{
    struct pollfd pipe = {.fd = child->pipe, .events = POLLIN};
    Answer *answer = child->answer;
    while (!read_messages(answer)) {
        int ready = poll(&pipe, 1, child->gone ? 0 : (int)(1000 * LOOK_EVERY));
        if (ready == 0)
            return child->gone ? BROKEN : look_after(child);
        if (ready < 0)
            return errno == EINTR ? WAITING : BROKEN;
        if (!make_room(answer))
            return FULL;
        ssize_t got = read(child->pipe, answer->data + answer->used, answer->room - answer->used);
        if (got <= 0)
            return got < 0 && errno == EINTR ? WAITING : BROKEN;
        answer->used += (size_t)got;
    }
    return COMPLETE;
}

static void
end_child(Child *child, bool kill_it)
{
    if (kill_it && !child->gone)
        kill(child->pid, SIGKILL);
    wait_for(child, 0);
    child->answer->faults = count_faults() - child->answer->faults;
    close(child->pipe);
}

/* ---- with the GIL ---- */

/* Whether to wait on: no signal handler has raised, nor *ask*. */
static bool
goes_on(PyObject *ask)
{
    if (PyErr_CheckSignals() < 0)
        return false;
    PyObject *said = ask == Py_None ? Py_NewRef(Py_None) : PyObject_CallNoArgs(ask);
    Py_XDECREF(said);
    return said != NULL;
}

/* The child's answer, and its end. */
static Outcome
hear(Child *child, PyObject *ask)
{
    Outcome outcome;
    do {
        Py_BEGIN_ALLOW_THREADS
        outcome = receive(child);
        Py_END_ALLOW_THREADS
        if (outcome == WAITING && !goes_on(ask))
            outcome = RAISED;
    } while (outcome == WAITING);
    Py_BEGIN_ALLOW_THREADS
    end_child(child, outcome != COMPLETE && outcome != BROKEN);
    Py_END_ALLOW_THREADS
    return outcome;
}

/* Whether all has come; false with an exception. */
static bool
is_well(const Child *child, Outcome outcome)
{
    if (outcome == RAISED)
        return false;
    if (outcome == FULL || (outcome == COMPLETE && read_messages(child->answer) == NO_MEMORY))
        return PyErr_NoMemory();
    if (outcome == COMPLETE)
        return true;
    if (outcome == LATE)
        PyErr_Format(PyExc_RuntimeError, "the child that counts was not ready after %ld s", (long)child->patience);
    else if (outcome == STILL)
        PyErr_SetString(PyExc_RuntimeError, "the child that counts got no processor time");
    else if (WIFSIGNALED(child->status))
        PyErr_Format(PyExc_RuntimeError, "the child that counts was ended by signal %d%s", WTERMSIG(child->status),
                     WTERMSIG(child->status) == SIGKILL ? ", as a lack of memory does" : "");
    else
        PyErr_SetString(PyExc_RuntimeError, "the child that counts ended without an answer");
    return false;
}

bool
child_ask(Answer *answer, Work work, void *arg, double patience, PyObject *ask)
{
    *answer = (Answer){.memory = {.fail_after = -1}};
    Child child = {.patience = patience, .answer = answer};
    int error = make_child(&child, work, arg);
    if (error) {
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
        return false;
    }
    return is_well(&child, hear(&child, ask));
}

#else

bool
child_ask(Answer *answer, Work work, void *arg, double patience, PyObject *ask)
{
    (void)work, (void)arg, (void)patience, (void)ask;
    *answer = (Answer){0};
    PyErr_SetString(PyExc_RuntimeError, "a child that counts is made on Linux alone, on x86-64 and aarch64");
    return false;
}

#endif

/* ---- the answer ---- */

void
answer_free(Answer *answer)
{
    memory_unmap(&answer->memory, answer->data, answer->room);
    answer->data = NULL;
}

bool
answer_next(const Answer *answer, size_t *place, Sent *sent, const char **text)
{
    if (*place >= answer->whole)
        return false;
    memcpy(sent, answer->data + *place, sizeof(*sent));
    *text = answer->data + *place + sizeof(*sent);
    *place += sizeof(*sent) + sent->length;
    return true;
}

PyObject *
answer_totals(const Answer *answer)
{
    PyObject *totals = PyList_New(0);
    Sent sent;
    const char *text;
    for (size_t place = 0; totals && answer_next(answer, &place, &sent, &text);) {
        if (sent.kind != A_TYPE)
            continue;
        PyObject *label = PyUnicode_DecodeUTF8(text, (Py_ssize_t)sent.length, "surrogatepass");
        PyObject *total = label ? Py_BuildValue("(NKKI)", label, (unsigned long long)sent.count,
                                                (unsigned long long)sent.bytes, (unsigned int)sent.number)
                                : NULL;
        if (total == NULL || PyList_Append(totals, total) < 0)
            Py_CLEAR(totals);
        Py_XDECREF(total);
    }
    return totals;
}

/* ---- totals alone ---- */

typedef struct {
    Walk *walk;
    const GCState *collector;
} Counting;

static void
count_and_send(void *arg, int pipe)
{
    Counting *counting = arg;
    Sender *sender = sender_begin(pipe, -1);
    if (!walk_run(counting->walk, counting->collector))
        send_end(sender, NO_MEMORY);
    send_kinds(sender, &counting->walk->kinds);
    send_end(sender, ALL_SENT);
}

PyObject *
child_totals(Walk *walk, const GCState *collector, double patience)
{
    Counting counting = {walk, collector};
    Answer answer;
    PyObject *result = NULL;
    if (child_ask(&answer, count_and_send, &counting, patience, Py_None))
        result = Py_BuildValue("(Nd)", answer_totals(&answer), answer.pause);
    answer_free(&answer);
    return result;
}
