/* The label of the code that allocates. See labels.h.
 *
 * A label belongs to a context, as a request or a task of asyncio has one: it is the value of a context variable, an
 * int. A hook may not run Python code, and must not allocate. Reading this variable does neither: a context is a tree
 * of pairs that never change, keys are found by a hash that a variable has from the start and by their identity, and
 * what is found is borrowed from the tree and held for the moment. Only who has the GIL has a context to read. A hook
 * is asked so at every sample, which is once in 64 KiB or rarer, and at no other allocation.
 *
 * A framework knows its route anyway, in a variable of a function that is at work while the request is handled. Where
 * such a function is followed nobody has to set anything: the sample finds its frame among those of the thread, and
 * what the variable holds is numbered when it is met first, and held, so that its address stays its own. It is named
 * when somebody reads. What is met belongs to the program's code, as a rule of its routes does, not to a request:
 * there are few, and no more than MOST_MET are taken. */
#include "sampling/labels.h"

#include "sampling/version.h"

#define MOST_LABELS (FIRST_MET - 1)
#define MOST_FOLLOWED 8
#define MOST_MET 4096
#define SLOTS (2 * MOST_MET)
#define DEEPEST_LOOK 1000 /* frames */

typedef struct {
    PyCodeObject *code; /* held */
    int variable;
} Local;

typedef struct {
    PyObject *object; /* held */
    uint16_t context;
    uint16_t place;
} Met;

/* All of it is set and read with the GIL; `busy` keeps threads apart where there is none. */
static PyObject *followed; /* set once */
static Local locals[MOST_FOLLOWED];
static int local_count;
static Met met[MOST_MET];
static int met_count;
static uint16_t slots[SLOTS]; /* one more than a place in `met`; 0 is free */
static char busy;

void
labels_follow(PyObject *variable)
{
    if (followed == NULL && context_variable_is_whole(variable))
        followed = Py_NewRef(variable);
}

int
labels_follow_local(PyCodeObject *code, int variable)
{
    if (local_count == MOST_FOLLOWED)
        return -1;
    locals[local_count] = (Local){(PyCodeObject *)Py_NewRef(code), variable};
    __atomic_store_n(&local_count, local_count + 1, __ATOMIC_RELEASE);
    return local_count - 1;
}

bool
label_met(uint16_t label, int *place, PyObject **object, uint16_t *context)
{
    if (label < FIRST_MET || label - FIRST_MET >= __atomic_load_n(&met_count, __ATOMIC_ACQUIRE))
        return false;
    const Met *found = &met[label - FIRST_MET];
    *place = found->place;
    *object = found->object;
    *context = found->context;
    return true;
}

static uint16_t
context_label(const PyThreadState *thread)
{
    PyObject *variable = __atomic_load_n(&followed, __ATOMIC_RELAXED), *number = NULL;
    if (variable && thread->context)
        number = context_value(variable);
    if (number == NULL)
        return 0;
    int is_negative_or_long = 0;
    long label = PyLong_CheckExact(number) ? PyLong_AsLongAndOverflow(number, &is_negative_or_long) : 0;
    Py_DECREF(number);
    return label > 0 && label <= MOST_LABELS ? (uint16_t)label : 0;
}

/* What the innermost followed function holds that has something to tell; NULL where none is at work. */
static PyObject *
local_now(const PyThreadState *thread, int count, uint16_t *place)
{
    const InterpreterFrame *frame = innermost_frame(thread);
    for (int depth = 0; frame && depth < DEEPEST_LOOK; frame = frame->previous, depth++) {
        const PyCodeObject *code = running_code(frame);
        for (int number = 0; code && number < count; number++) {
            PyObject *object = locals[number].code == code ? object_of(frame->values[locals[number].variable]) : NULL;
            if (object && object != Py_None) {
                *place = (uint16_t)number;
                return object;
            }
        }
    }
    return NULL;
}

/* The number for *wanted*, which is entered if it is met first; without room that of its context alone. */
static uint16_t
number_of(const Met *wanted)
{
    uint64_t hash = ((uintptr_t)wanted->object ^ (uint64_t)wanted->context << 48) * 0x9E3779B97F4A7C15u;
    uint16_t *slot = &slots[hash >> 32 & (SLOTS - 1)];
    for (; *slot; slot = slot + 1 == slots + SLOTS ? slots : slot + 1) {
        const Met *known = &met[*slot - 1];
        if (known->object == wanted->object && known->context == wanted->context && known->place == wanted->place)
            return (uint16_t)(FIRST_MET + *slot - 1);
    }
    if (met_count == MOST_MET)
        return wanted->context;
    met[met_count] = *wanted;
    Py_INCREF(wanted->object);
    *slot = (uint16_t)(met_count + 1);
    __atomic_store_n(&met_count, met_count + 1, __ATOMIC_RELEASE);
    return (uint16_t)(FIRST_MET + *slot - 1);
}

uint16_t
label_now(void)
{
    PyThreadState *thread = attached_thread_state();
    if (thread == NULL || thread->interp != PyInterpreterState_Main())
        return 0;
    Met wanted = {NULL, context_label(thread), 0};
    int count = __atomic_load_n(&local_count, __ATOMIC_ACQUIRE);
    wanted.object = count ? local_now(thread, count, &wanted.place) : NULL;
    if (wanted.object == NULL || __atomic_test_and_set(&busy, __ATOMIC_ACQUIRE))
        return wanted.context;
    uint16_t label = number_of(&wanted);
    __atomic_clear(&busy, __ATOMIC_RELEASE);
    return label;
}
