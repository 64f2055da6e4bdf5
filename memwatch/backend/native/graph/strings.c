/* The strings of a heap snapshot, by open addressing over the texts themselves. See strings.h. */
#include "graph/strings.h"

#include "core/type_label.h"

#include <string.h>

#define FIRST_ROOM ((size_t)1 << 14)
#define LONGEST 200 /* characters of a name */

bool
strings_begin(Strings *strings, Memory *memory)
{
    *strings = (Strings){.memory = memory, .bytes = {.stride = 1}, .ends = {.stride = sizeof(size_t)}};
    strings->slots = memory_map(memory, FIRST_ROOM * sizeof(uint32_t));
    strings->room = strings->slots ? FIRST_ROOM : 0;
    return strings->slots != NULL;
}

void
strings_free(Strings *strings)
{
    if (strings->memory == NULL)
        return;
    row_free(strings->memory, &strings->bytes);
    row_free(strings->memory, &strings->ends);
    pointers_free(strings->memory, &strings->known);
    memory_unmap(strings->memory, strings->slots, strings->room * sizeof(uint32_t));
    strings->slots = NULL;
}

static size_t
hash_of(const char *text, size_t bytes)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t place = 0; place < bytes; place++)
        hash = (hash ^ (unsigned char)text[place]) * UINT64_C(0x100000001B3);
    return (size_t)(hash ^ hash >> 29);
}

static bool
reads(const Strings *strings, uint32_t number, const char *text, size_t bytes)
{
    size_t start = strings_start(strings, number), end = strings_start(strings, (size_t)number + 1);
    return end - start == bytes && memcmp(strings->bytes.data + start, text, bytes) == 0;
}

/* The slot of a text, or the free one where it belongs. */
static uint32_t *
slot_of(const Strings *strings, const char *text, size_t bytes)
{
    for (size_t slot = hash_of(text, bytes);; slot++) {
        uint32_t *found = &strings->slots[slot & (strings->room - 1)];
        if (*found == 0 || reads(strings, *found - 1, text, bytes))
            return found;
    }
}

static bool
make_room(Strings *strings)
{
    if (2 * (strings->ends.used + 1) < strings->room)
        return true;
    uint32_t *before = strings->slots;
    size_t room = strings->room;
    strings->slots = memory_map(strings->memory, 2 * room * sizeof(uint32_t));
    if (strings->slots == NULL) {
        strings->slots = before;
        return false;
    }
    strings->room = 2 * room;
    for (size_t number = 0; number < strings->ends.used; number++) {
        size_t start = strings_start(strings, number), end = strings_start(strings, number + 1);
        *slot_of(strings, strings->bytes.data + start, end - start) = (uint32_t)number + 1;
    }
    memory_unmap(strings->memory, before, room * sizeof(uint32_t));
    return true;
}

void
text_add(void *arg, const char *text, size_t bytes)
{
    Strings *strings = arg;
    for (size_t place = 0; place < bytes && !strings->failed; place++) {
        char *at = row_add(strings->memory, &strings->bytes);
        if (at == NULL)
            strings->failed = true;
        else
            *at = text[place];
    }
}

uint32_t
text_end(Strings *strings)
{
    if (strings->failed || !make_room(strings)) {
        strings->failed = true;
        return 0;
    }
    size_t start = strings_start(strings, strings->ends.used), bytes = strings->bytes.used - start;
    uint32_t *slot = slot_of(strings, strings->bytes.data + start, bytes);
    if (*slot) {
        strings->bytes.used = start;
        return *slot - 1;
    }
    size_t *end = row_add(strings->memory, &strings->ends);
    if (end == NULL) {
        strings->failed = true;
        return 0;
    }
    *end = strings->bytes.used;
    *slot = (uint32_t)strings->ends.used;
    return *slot - 1;
}

/* The entry of what came up before, or a new one, whose number is 0; a number is one higher than the string's. */
static Pointer *
known(Strings *strings, const void *text)
{
    Pointer *entry = pointers_enter(strings->memory, &strings->known, text);
    if (entry == NULL)
        strings->failed = true;
    return entry;
}

uint32_t
string_of(Strings *strings, const char *text)
{
    Pointer *entry = known(strings, text);
    if (entry && entry->number == 0) {
        text_add(strings, text, strlen(text));
        entry->number = (Py_ssize_t)text_end(strings) + 1;
    }
    return entry ? (uint32_t)(entry->number - 1) : 0;
}

uint32_t
string_of_object(Strings *strings, PyObject *text)
{
    Pointer *entry = known(strings, text);
    if (entry && entry->number == 0) {
        text_put(text, LONGEST, text_add, strings);
        entry->number = (Py_ssize_t)text_end(strings) + 1;
    }
    return entry ? (uint32_t)(entry->number - 1) : 0;
}
