/* The table of positions, as 3.11 and later have it. See lines.h.
 *
 * An entry begins with a byte whose upper bit is set. The next four bits are its form, the last three the number of
 * two-byte units that it is about, less one. What follows depends on the form: 0 to 9 are one byte more, the line
 * stays; 10 to 12 are two, the line moves on by the form less 10; 13 is a line without columns; 14 has all numbers in
 * full, 15 none. Numbers in full are in groups of six bits, the lowest first, of which all but the last have bit 6
 * set; those with a sign keep it in their lowest bit. */
#include "sampling/lines.h"

enum { FORM_ONE_LINE = 10, FORM_NO_COLUMN = 13, FORM_FULL = 14, FORM_NOTHING = 15 };

typedef struct {
    const uint8_t *next;
    const uint8_t *end;
} Bytes;

static uint32_t
take(Bytes *bytes)
{
    return bytes->next < bytes->end ? *bytes->next++ : 0;
}

static uint32_t
take_number(Bytes *bytes)
{
    uint32_t part = take(bytes), number = part & 63;
    for (int shift = 6; part & 64 && shift < 32; shift += 6) {
        part = take(bytes);
        number |= (part & 63) << shift;
    }
    return number;
}

static int
take_signed(Bytes *bytes)
{
    uint32_t number = take_number(bytes);
    return number & 1 ? -(int)(number >> 1) : (int)(number >> 1);
}

/* Read what follows the first byte: moves *line*, answers the column. */
static uint32_t
take_entry(Bytes *bytes, uint32_t form, int *line)
{
    uint32_t column = 0;
    if (form < FORM_ONE_LINE)
        return (form << 3 | take(bytes) >> 4) + 1;
    if (form < FORM_NO_COLUMN) {
        *line += (int)form - FORM_ONE_LINE;
        column = take(bytes) + 1;
        take(bytes);
    } else if (form == FORM_NO_COLUMN) {
        *line += take_signed(bytes);
    } else if (form == FORM_FULL) {
        *line += take_signed(bytes);
        take_number(bytes);
        column = take_number(bytes);
        take_number(bytes);
    }
    return column;
}

Position
position_of(PyCodeObject *code, uint32_t unit)
{
    if (code->co_linetable == NULL || !PyBytes_Check(code->co_linetable))
        return (Position){0};
    const uint8_t *start = (const uint8_t *)PyBytes_AS_STRING(code->co_linetable);
    Bytes bytes = {start, start + PyBytes_GET_SIZE(code->co_linetable)};
    int line = code->co_firstlineno;
    uint32_t covered = 0;
    while (bytes.next < bytes.end) {
        uint32_t head = take(&bytes), form = head >> 3 & 15;
        uint32_t column = take_entry(&bytes, form, &line);
        covered += (head & 7) + 1;
        if (unit < covered)
            return form == FORM_NOTHING || line < 0 ? (Position){0} : (Position){(uint32_t)line, column};
    }
    return (Position){0};
}
