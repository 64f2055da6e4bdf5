/* What is written in large pieces. See out.h. */
#include "graph/out.h"

#include <errno.h>
#include <unistd.h>

void
out_flush(Out *out)
{
    size_t put = 0;
    for (; out->kept && put < out->used && !out->error; put++) {
        char *place = row_add(out->memory, out->kept);
        if (place)
            *place = out->buffer[put];
        else
            out->error = ENOMEM;
    }
    while (put < out->used && !out->error) {
        ssize_t written = write(out->file, out->buffer + put, out->used - put);
        if (written >= 0)
            put += (size_t)written;
        else if (errno != EINTR)
            out->error = errno;
    }
    out->length += put;
    out->used = 0;
}

void
out_bytes(Out *out, const char *text, size_t bytes)
{
    while (bytes) {
        if (out->used == OUT_ROOM)
            out_flush(out);
        size_t fits = Py_MIN(bytes, OUT_ROOM - out->used);
        memcpy(out->buffer + out->used, text, fits);
        out->used += fits;
        text += fits;
        bytes -= fits;
    }
}

static void
out_escape(Out *out, unsigned code)
{
    static const char digits[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', digits[code >> 12], digits[code >> 8 & 15], digits[code >> 4 & 15], digits[code & 15]};
    out_bytes(out, text, sizeof(text));
}

void
out_string(Out *out, const char *text, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + bytes;
    out_text(out, "\"");
    for (; at < end; at++) {
        if (*at == 0xED && end - at > 2 && at[1] >= 0xA0) {
            out_escape(out, 0xD000u | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu));
            at += 2;
        } else if (*at < 0x20 || *at == 0x7F)
            out_escape(out, *at);
        else {
            if (*at == '"' || *at == '\\')
                out_text(out, "\\");
            out_bytes(out, (const char *)at, 1);
        }
    }
    out_text(out, "\"");
}
