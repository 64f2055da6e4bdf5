/* A snapshot that a forked child has taken, as it goes through the pipe. See snapshot.h and send_from_child.h.
 *
 * Marks go granule by granule, and the rows as they are; so what is kept here is what would have been kept if the walk
 * had been made here. Neither side touches an object, and receiving needs no GIL. */
#include "identity/snapshot.h"

#include <string.h>

#define PIECE ((size_t)1 << 20)

static size_t
number_size(const Snapshot *snapshot)
{
    return snapshot->wide ? sizeof(uint32_t) : sizeof(uint16_t);
}

/* ---- the child ---- */

static void
send_table(Sender *sender, Granule *const *table, uintptr_t base)
{
    for (size_t place = 0; table && place < TABLE_ROOM; place++) {
        if (table[place] == NULL)
            continue;
        Sent head = {.kind = SOME_MARKS, .number = base | (uintptr_t)place << GRANULE_SHIFT};
        send_head(sender, head, sizeof(Granule));
        send_more(sender, table[place], sizeof(Granule));
    }
}

static void
send_pieces(Sender *sender, SentKind kind, const char *data, size_t bytes)
{
    for (size_t place = 0; place < bytes; place += PIECE) {
        size_t piece = Py_MIN(PIECE, bytes - place);
        send_head(sender, (Sent){.kind = kind, .number = place}, piece);
        send_more(sender, data + place, piece);
    }
}

void
snapshot_send(Sender *sender, const Snapshot *made)
{
    Sent head = {.kind = A_SNAPSHOT, .count = made->rows, .number = made->largest, .bytes = made->wide};
    send_head(sender, head, 0);
    for (uintptr_t half = 0; half < 2; half++)
        for (size_t top = 0; top < TABLE_ROOM; top++)
            send_table(sender, made->marks.tops[half][top], (uintptr_t)top << TABLE_SHIFT | half * 8);
    send_pieces(sender, SOME_NUMBERS, made->numbers, made->rows * number_size(made));
    send_pieces(sender, SOME_LARGE, made->large.data, made->large.used * sizeof(Large));
}

/* ---- the parent ---- */

static bool
receive_head(Snapshot *made, const Sent *sent)
{
    made->rows = sent->count;
    made->largest = (uint32_t)sent->number;
    made->wide = sent->bytes;
    made->large.stride = sizeof(Large);
    made->numbers = memory_map(&made->memory, Py_MAX(made->rows, 1) * number_size(made));
    return made->numbers && marks_begin(&made->memory, &made->marks);
}

static bool
receive_marks(Snapshot *made, const Sent *sent, const char *data)
{
    Granule *granule = marks_open(&made->memory, &made->marks, (uintptr_t)sent->number);
    if (granule)
        memcpy(granule, data, sizeof(*granule));
    return granule != NULL;
}

static bool
receive_large(Snapshot *made, const Sent *sent, const char *data)
{
    for (size_t place = 0; place < sent->length; place += sizeof(Large)) {
        Large *large = row_add(&made->memory, &made->large);
        if (large == NULL)
            return false;
        memcpy(large, data + place, sizeof(*large));
    }
    return true;
}

bool
snapshot_receive(Snapshot *made, const Answer *answer)
{
    Sent sent;
    const char *data;
    bool good = true;
    made->memory = (Memory){.fail_after = -1};
    for (size_t place = 0; good && answer_next(answer, &place, &sent, &data);) {
        if (sent.kind == A_SNAPSHOT)
            good = receive_head(made, &sent);
        else if (sent.kind == SOME_MARKS)
            good = receive_marks(made, &sent, data);
        else if (sent.kind == SOME_NUMBERS)
            memcpy((char *)made->numbers + sent.number, data, sent.length);
        else if (sent.kind == SOME_LARGE)
            good = receive_large(made, &sent, data);
    }
    snapshot_count(made);
    return good;
}
