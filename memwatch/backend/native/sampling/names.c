/* Places, codes and texts, each counted by those who use it. See names.h.
 *
 * All of it is read and changed under the sampler's lock. */
#include "sampling/names.h"
#include "sampling/lines.h"

#include <string.h>

#define FIRST_BUCKETS ((size_t)1024)
#define LONGEST_TEXT ((size_t)3072)

/* ---- texts ---- */

/* Copy *text* as UTF-8, without the interpreter's help, which would allocate; at most LONGEST_TEXT bytes. */
static size_t
encode(PyObject *text, char *to)
{
    size_t used = 0;
    Py_ssize_t length = text && PyUnicode_Check(text) ? PyUnicode_GET_LENGTH(text) : 0;
    for (Py_ssize_t place = 0; place < length && used < LONGEST_TEXT; place++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(text, place);
        if (c < 0x80) {
            to[used++] = (char)c;
        } else if (c < 0x800) {
            to[used++] = (char)(0xC0 | c >> 6);
            to[used++] = (char)(0x80 | (c & 63));
        } else if (c < 0x10000) {
            to[used++] = (char)(0xE0 | c >> 12);
            to[used++] = (char)(0x80 | (c >> 6 & 63));
            to[used++] = (char)(0x80 | (c & 63));
        } else {
            to[used++] = (char)(0xF0 | c >> 18);
            to[used++] = (char)(0x80 | (c >> 12 & 63));
            to[used++] = (char)(0x80 | (c >> 6 & 63));
            to[used++] = (char)(0x80 | (c & 63));
        }
    }
    return used;
}

static Text *
text_find(Memory *memory, Names *names, PyObject *unicode)
{
    char bytes[LONGEST_TEXT + 4];
    size_t length = encode(unicode, bytes);
    uint32_t hash = 2166136261u;
    for (size_t place = 0; place < length; place++)
        hash = (hash ^ (uint8_t)bytes[place]) * 16777619u;
    Text **bucket = &names->texts[hash % NAME_BUCKETS], *text = *bucket;
    while (text && (text->hash != hash || text->length != length || memcmp(text->bytes, bytes, length)))
        text = text->next;
    if (text == NULL) {
        text = slab_take(memory, &names->slab, sizeof(Text) + length);
        if (text == NULL)
            return NULL;
        *text = (Text){.next = *bucket, .hash = hash, .length = (uint32_t)length};
        memcpy(text->bytes, bytes, length);
        *bucket = text;
    }
    text->uses++;
    return text;
}

static void
text_drop(Names *names, Text *text)
{
    if (text == NULL || --text->uses)
        return;
    Text **link = &names->texts[text->hash % NAME_BUCKETS];
    while (*link != text)
        link = &(*link)->next;
    *link = text->next;
    slab_give(&names->slab, text, sizeof(Text) + text->length);
}

/* ---- codes ---- */

static Code **
code_bucket(Names *names, PyCodeObject *address)
{
    return &names->codes[((uintptr_t)address >> 4) * 0x9E3779B97F4A7C15u >> 54];
}

static void
code_drop(Names *names, Code *code)
{
    if (code->uses)
        return;
    if (code->address) {
        Code **link = code_bucket(names, code->address);
        while (*link != code)
            link = &(*link)->next;
        *link = code->next;
    }
    text_drop(names, code->function);
    text_drop(names, code->file);
    slab_give(&names->slab, code, sizeof(Code));
}

static Code *
code_make(Memory *memory, Names *names, const Step *step)
{
    Code **bucket = code_bucket(names, step->code), *code = slab_take(memory, &names->slab, sizeof(Code));
    if (code == NULL)
        return NULL;
    *code = (Code){
        .next = *bucket,
        .address = step->code,
        .first_line = step->code->co_firstlineno,
        .coroutine = (step->code->co_flags & CO_COROUTINE) != 0,
        .fingerprint = step->fingerprint,
    };
    return *bucket = code;
}

static Code *
code_find(Memory *memory, Names *names, const Step *step)
{
    Code *code = *code_bucket(names, step->code);
    while (code && code->address != step->code)
        code = code->next;
    if (code && code->fingerprint != step->fingerprint) {
        names_bury(memory, names, step->code);
        code = NULL;
    }
    return code ? code : code_make(memory, names, step);
}

static bool
code_read(Memory *memory, Names *names, Code *code)
{
    if (code->function == NULL)
        code->function = text_find(memory, names, code->address->co_qualname);
    if (code->file == NULL)
        code->file = text_find(memory, names, code->address->co_filename);
    return code->function && code->file;
}

/* ---- places ---- */

static uint32_t *
place_bucket(const Names *names, const PyCodeObject *address, uint32_t unit)
{
    uint64_t mixed = (((uintptr_t)address >> 4) + unit * (uint64_t)0x9E3779B1) * 0x9E3779B97F4A7C15u;
    return &names->buckets[(mixed >> 40) & (names->room - 1)];
}

static void
place_unlink(Names *names, uint32_t number)
{
    FrameName *place = place_of(names, number);
    if (place->address == NULL)
        return;
    uint32_t *link = place_bucket(names, place->address, place->unit);
    while (*link != number)
        link = &place_of(names, *link)->next;
    *link = place->next;
    place->address = NULL;
}

bool
place_read(Memory *memory, Names *names, uint32_t number)
{
    FrameName *place = place_of(names, number);
    if (place->address == NULL)
        return true;
    if (place->line == UNREAD) {
        Position position = position_of(place->address, place->unit);
        place->line = position.line;
        place->column = position.column;
    }
    return code_read(memory, names, place->code);
}

void
names_bury(Memory *memory, Names *names, PyCodeObject *address)
{
    Code **link = code_bucket(names, address);
    while (*link && (*link)->address != address)
        link = &(*link)->next;
    Code *code = *link;
    if (code == NULL)
        return;
    for (uint32_t number = code->places; number; number = place_of(names, number)->sibling) {
        place_read(memory, names, number);
        place_unlink(names, number);
    }
    *link = code->next;
    code->address = NULL;
    names->deaths++;
}

void
place_drop(Names *names, uint32_t number)
{
    FrameName *place = place_of(names, number);
    Code *code = place->code;
    if (code == NULL)
        return;
    place_unlink(names, number);
    uint32_t *link = &code->places;
    while (*link != number)
        link = &place_of(names, *link)->sibling;
    *link = place->sibling;
    *place = (FrameName){.next = names->free};
    names->free = number;
    code->uses--;
    code_drop(names, code);
}

/* More buckets, if there is memory for them; else the chains get longer. */
static void
spread(Memory *memory, Names *names)
{
    uint32_t *old = names->buckets, *made = memory_map(memory, 2 * names->room * sizeof(uint32_t));
    if (made == NULL)
        return;
    memory_unmap(memory, old, names->room * sizeof(uint32_t));
    names->buckets = made;
    names->room *= 2;
    for (uint32_t number = 1; number < names->places.used; number++) {
        FrameName *place = place_of(names, number);
        if (place->address) {
            uint32_t *bucket = place_bucket(names, place->address, place->unit);
            place->next = *bucket;
            *bucket = number;
        }
    }
}

static uint32_t
place_room(Memory *memory, Names *names)
{
    uint32_t number = names->free;
    if (number) {
        names->free = place_of(names, number)->next;
        return number;
    }
    number = (uint32_t)names->places.used;
    return row_add(memory, &names->places) ? number : 0;
}

static void
place_give_back(Names *names, uint32_t number)
{
    place_of(names, number)->next = names->free;
    names->free = number;
}

static __attribute__((noinline)) uint32_t
place_make(Memory *memory, Names *names, const Step *step, bool notified)
{
    uint32_t number = place_room(memory, names);
    if (number == 0)
        return 0;
    *place_of(names, number) = (FrameName){0};
    Code *code = code_find(memory, names, step);
    if (code == NULL) {
        place_give_back(names, number);
        return 0;
    }
    if (names->places.used > names->room)
        spread(memory, names);
    uint32_t *bucket = place_bucket(names, step->code, step->unit);
    *place_of(names, number) = (FrameName){
        step->code, code, step->unit, step->fingerprint, UNREAD, 0, 0, *bucket, code->places,
    };
    *bucket = code->places = number;
    code->uses++;
    if (notified || place_read(memory, names, number))
        return number;
    place_drop(names, number);
    return 0;
}

uint32_t
place_find(Memory *memory, Names *names, const Trail *trail, int wanted)
{
    const Step *step = &trail->steps[wanted];
    uint32_t number = *place_bucket(names, step->code, step->unit);
    while (number) {
        FrameName *place = place_of(names, number);
        if (place->address == step->code && place->unit == step->unit && place->fingerprint == step->fingerprint)
            return number;
        number = place->next;
    }
    return place_make(memory, names, step, trail->notified);
}

bool
names_begin(Memory *memory, Names *names)
{
    memset(names, 0, sizeof(*names));
    names->places.stride = sizeof(FrameName);
    names->room = FIRST_BUCKETS;
    names->buckets = memory_map(memory, FIRST_BUCKETS * sizeof(uint32_t));
    return names->buckets && row_add(memory, &names->places);
}

void
names_free(Memory *memory, Names *names)
{
    memory_unmap(memory, names->buckets, names->room * sizeof(uint32_t));
    row_free(memory, &names->places);
    slab_free(memory, &names->slab);
    memset(names, 0, sizeof(*names));
}
