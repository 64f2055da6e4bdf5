/* The copy for a reader. See copy.h.
 *
 * It is made with the lock in hand and without a word to Python; what is made of it later may allocate as it likes. The
 * caller has the GIL, so that no code dies whose names are still to be read.
 * Numbers are given anew, in the order in which the samples lead to them. */
#include "sampling/copy.h"

#include <string.h>
#include <time.h>

/* What a copy is made with: the new numbers, by the old ones. 0 is none yet. */
typedef struct {
    Copy *copy;
    Row stacks;
    Row places;
    bool failed;
} Making;

static void *
add(Making *making, Row *row)
{
    void *place = making->failed ? NULL : row_add(&sampler.memory, row);
    if (place == NULL)
        making->failed = true;
    return place;
}

/* A row of zeros. */
static void
add_zeros(Making *making, Row *row, size_t count)
{
    row->stride = sizeof(uint32_t);
    while (row->used < count && !making->failed) {
        uint32_t *place = add(making, row);
        if (place)
            *place = 0;
    }
}

/* There is none where memory ran out as its code died. */
static uint32_t
length_of(const Text *text)
{
    return text ? text->length : 0;
}

static uint32_t
copy_text(Making *making, const Text *text)
{
    Row *bytes = &making->copy->bytes;
    uint32_t start = (uint32_t)bytes->used;
    for (uint32_t done = 0; done < length_of(text); done++) {
        char *place = add(making, bytes);
        if (place == NULL)
            break;
        *place = text->bytes[done];
    }
    return start;
}

static uint32_t
copy_code(Making *making, Code *code)
{
    if (code->number == 0) {
        CopiedCode *made = add(making, &making->copy->codes);
        if (made == NULL)
            return 0;
        *made = (CopiedCode){
            copy_text(making, code->function),
            length_of(code->function),
            copy_text(making, code->file),
            length_of(code->file),
            code->first_line,
            code->coroutine,
        };
        code->number = (uint32_t)making->copy->codes.used;
    }
    return code->number - 1;
}

static uint32_t
copy_place(Making *making, uint32_t number)
{
    uint32_t *known = (uint32_t *)making->places.data + number;
    if (*known == 0) {
        if (!place_read(&sampler.memory, &sampler.names, number))
            making->failed = true;
        const FrameName *place = place_of(&sampler.names, number);
        uint32_t code = copy_code(making, place->code);
        CopiedPlace *made = add(making, &making->copy->places);
        if (made)
            *made = (CopiedPlace){code, place->line, place->column};
        *known = (uint32_t)making->copy->places.used;
    }
    return *known - 1;
}

static uint32_t
copy_stack(Making *making, uint32_t number)
{
    Copy *copy = making->copy;
    uint32_t *known = (uint32_t *)making->stacks.data + number;
    if (number == NO_STACK || *known)
        return number == NO_STACK ? 0 : *known;
    const Stack *stack = stack_of(&sampler.stacks, number);
    for (int place = 0; place < stack->depth; place++) {
        uint32_t copied = copy_place(making, stack->places[place]), *step = add(making, &copy->steps);
        if (step)
            *step = copied;
    }
    uint32_t *end = add(making, &copy->ends);
    if (end)
        *end = (uint32_t)copy->steps.used | (stack->cut ? CUT : 0);
    return *known = (uint32_t)copy->ends.used;
}

static bool
copy_sample(Sample *sample, void *arg)
{
    Making *making = arg;
    uint32_t stack = making->failed ? 0 : copy_stack(making, sample->stack);
    Sample *made = add(making, &making->copy->samples);
    if (made) {
        *made = *sample;
        made->stack = stack;
    }
    return true;
}

static void
forget_numbers(void)
{
    for (int bucket = 0; bucket < NAME_BUCKETS; bucket++)
        for (Code *code = sampler.names.codes[bucket]; code; code = code->next)
            code->number = 0;
    for (uint32_t number = 1; number < sampler.names.places.used; number++) {
        FrameName *place = place_of(&sampler.names, number);
        if (place->code)
            place->code->number = 0;
    }
}

bool
copy_make(Copy *copy)
{
    struct timespec now;
    *copy = (Copy){
        .samples = {.stride = sizeof(Sample)},
        .ends = {.stride = sizeof(uint32_t)},
        .steps = {.stride = sizeof(uint32_t)},
        .places = {.stride = sizeof(CopiedPlace)},
        .codes = {.stride = sizeof(CopiedCode)},
        .bytes = {.stride = 1},
    };
    Making making = {.copy = copy};
    sampler_lock();
    if (sampler.active) {
        add_zeros(&making, &making.stacks, sampler.stacks.all.used);
        add_zeros(&making, &making.places, sampler.names.places.used);
        samples_keep(&sampler.samples, copy_sample, &making);
        forget_numbers();
    }
    row_free(&sampler.memory, &making.stacks);
    row_free(&sampler.memory, &making.places);
    clock_gettime(CLOCK_MONOTONIC, &now);
    copy->time = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    sampler_unlock();
    return !making.failed;
}

void
copy_free(Copy *copy)
{
    sampler_lock();
    row_free(&sampler.memory, &copy->samples);
    row_free(&sampler.memory, &copy->ends);
    row_free(&sampler.memory, &copy->steps);
    row_free(&sampler.memory, &copy->places);
    row_free(&sampler.memory, &copy->codes);
    row_free(&sampler.memory, &copy->bytes);
    sampler_unlock();
}
