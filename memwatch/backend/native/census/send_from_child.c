/* The child's side of a look in a forked child. See send_from_child.h, and ask_child.c for the
 * parent's.
 *
 * The child is a copy of the process with a single thread, made while that thread held the GIL. Other threads may have
 * been inside malloc or anywhere else at that moment, and what they had locked stays locked here for ever. So nothing
 * is used that takes a lock: no allocator, no Python call, no exit handler; only system calls, memory that the walk
 * maps, and the `tp_traverse` of the types. No reference count is touched save those of namespaces of types, so the
 * heap stays shared with the parent. For the same reasons a C method that tells a size is not called, and such an
 * object is counted as large as it is without its buffers.
 *
 * First the child sees to it that nobody notices it: it ends with the thread that waits for it, leaves no core file,
 * is what a lack of memory kills first, and lets go of every descriptor, so that a socket that the parent closes is
 * closed. All signals are blocked, or it would run the parent's handlers, which write into shared descriptors. */
#include "census/send_from_child.h"

#include "core/type_label.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void
close_between(unsigned first, unsigned last)
{
#ifdef SYS_close_range
    if (first <= last)
        syscall(SYS_close_range, first, last, 0); /* from Linux 5.9 on */
#endif
}

static void
keep_quiet(int pipe, int file)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (score >= 0) {
        ssize_t ignored = write(score, "1000", 4);
        (void)ignored;
        close(score);
    }
    prctl(PR_SET_DUMPABLE, 0);
    unsigned low = (unsigned)Py_MIN(pipe, file), high = (unsigned)Py_MAX(pipe, file);
    close_between(3, low - 1);
    close_between(Py_MAX(3, low + 1), high - 1);
    close_between(Py_MAX(3, high + 1), ~0U);
}

static void end(int status) __attribute__((noreturn));

static void
end(int status)
{
    for (;;)
        syscall(SYS_exit_group, status);
}
#else
#define keep_quiet(pipe, file) ((void)(pipe), (void)(file))
#define end(status) _exit(status)
#endif

struct Sender {
    int pipe;
    bool counting; /* add up bytes, and send none */
    size_t counted;
    size_t used;
    char buffer[4096];
};

static void
flush(Sender *sender)
{
    for (size_t sent = 0; sent < sender->used;) {
        ssize_t written = write(sender->pipe, sender->buffer + sent, sender->used - sent);
        if (written < 0 && errno != EINTR)
            end(1); /* nobody reads any more */
        sent += written > 0 ? (size_t)written : 0;
    }
    sender->used = 0;
}

static void
put(void *arg, const char *text, size_t bytes)
{
    Sender *sender = arg;
    sender->counted += bytes;
    while (!sender->counting && bytes) {
        if (sender->used == sizeof(sender->buffer))
            flush(sender);
        size_t fits = Py_MIN(bytes, sizeof(sender->buffer) - sender->used);
        memcpy(sender->buffer + sender->used, text, fits);
        sender->used += fits;
        text += fits;
        bytes -= fits;
    }
}

Sender *
sender_begin(int pipe, int file)
{
    static Sender sender; /* of the child alone: one for each copy of the process */
    sender.pipe = pipe;
    keep_quiet(pipe, file < 0 ? pipe : file);
    return &sender;
}

void
send_head(Sender *sender, Sent head, size_t bytes)
{
    head.length = (uint32_t)bytes;
    put(sender, (const char *)&head, sizeof(head));
}

void
send_more(Sender *sender, const void *data, size_t bytes)
{
    put(sender, data, bytes);
}

void
send_label(Sender *sender, Sent head, PyTypeObject *type)
{
    sender->counting = true;
    sender->counted = 0;
    label_put(type, put, sender);
    sender->counting = false;
    send_head(sender, head, sender->counted);
    label_put(type, put, sender);
}

void
send_kinds(Sender *sender, const Kinds *kinds)
{
    for (size_t slot = 0; slot < kinds->room; slot++) {
        const Kind *kind = &kinds->slots[slot];
        Sent head = {.kind = A_TYPE, .count = kind->count, .bytes = kind->bytes, .number = kind->place};
        if (kind->type && kind->count)
            send_label(sender, head, kind->type);
    }
}

void
send_end(Sender *sender, SentKind last)
{
    send_head(sender, (Sent){.kind = last}, 0);
    flush(sender);
    end(0);
}
