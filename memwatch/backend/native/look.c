/* Looks in a forked child, and what its parent makes of the answers. See look.h; census/ask_child.c says how a child
 * lives. */
#include "look.h"

#include "call.h"
#include "search/places.h"

/* A look that is ready to be taken. */
typedef struct {
    Walk *walk; /* a census */
    const GCState *collector;
    Search *search; /* or NULL */
    const Snapshot *known;
} Look;

/* ---- the child ---- */

typedef struct {
    const Snapshot *known;
    size_t row;
} Known;

static bool
drop_replaced(PyObject *object, void *arg)
{
    Known *known = arg;
    Verdict verdict = verdict_at(known->known, known->row++);
    if (verdict == REPLACED || verdict == HASH_DIFFERS)
        marks_remove(&known->known->marks, object);
    return true;
}

/* The marks of the snapshot are the child's own copy, which the search may write to. */
static bool
search_and_send(const Look *look, Sender *sender)
{
    Search *search = look->search;
    Known known = {.known = look->known};
    if (search->mode == NEW_UNKNOWN) {
        if (look->known->settled_by)
            marks_each(&look->known->marks, drop_replaced, &known);
        search->given = look->known->marks;
    }
    if (!search_walk(search, look->collector))
        return false;
    places_send(search, sender);
    return true;
}

static void
take_and_send(void *arg, int pipe)
{
    const Look *look = arg;
    static Snapshot made; /* of the child alone: one for each copy of the process */
    Sender *sender = sender_begin(pipe, -1);
    bool good = walk_run(look->walk, look->collector) && snapshot_fill(&made, look->walk, look->collector, false);
    if (good) {
        send_kinds(sender, &look->walk->kinds);
        snapshot_send(sender, &made);
    }
    good = good && (look->search == NULL || search_and_send(look, sender));
    send_end(sender, good ? ALL_SENT : NO_MEMORY);
}

/* ---- the parent ---- */

/* Fill *made*. The answer without a search has None for what was found. */
static PyObject *
take(Look *look, Snapshot *made, double patience, PyObject *ask)
{
    Answer answer;
    PyObject *places = NULL, *result = NULL;
    bool received = false;
    if (!child_ask(&answer, take_and_send, look, patience, ask))
        goto done;
    Py_BEGIN_ALLOW_THREADS
    received = snapshot_receive(made, &answer);
    Py_END_ALLOW_THREADS
    if (!received) {
        PyErr_NoMemory();
        goto done;
    }
    places = look->search ? places_receive(look->search, look->search->modules, &answer) : Py_NewRef(Py_None);
    if (places)
        result = Py_BuildValue("(ONOdddl)", (PyObject *)made, answer_totals(&answer), places, answer.pause,
                               answer.price, answer.work, answer.faults);
done:
    Py_XDECREF(places);
    answer_free(&answer);
    return result;
}

/* ---- the functions ---- */

const char count_in_child_doc[] =
    "count_in_child(deep, own_types, part_types, records, exclude, patience)\n--\n\n"
    "([(label, objects, bytes), ...], pause) as a forked child counts them, or None while the\n"
    "collector is at work; the pause is the seconds that making the child took. RuntimeError\n"
    "where the child fails or takes longer than *patience* seconds.";

PyObject *
count_in_child_call(State *state, PyObject *const *args, Py_ssize_t given)
{
    Asked asked;
    Call call;
    PyObject *result = NULL;
    if (!call_read(&asked, args, given, 6))
        return NULL;
    double patience = PyFloat_AsDouble(args[5]);
    if (patience == -1.0 && PyErr_Occurred())
        return NULL;
    int begun = call_begin(state, &call, &asked, TOTALS);
    if (begun > 0)
        result = child_totals(&call.walk, &state->collector, patience);
    else if (begun == 0)
        result = Py_NewRef(Py_None);
    call_end(state, &call);
    return result;
}

const char look_in_child_doc[] =
    "look_in_child(deep, own_types, part_types, records, exclude, patience, ask, known, question)\n--\n\n"
    "(Snapshot, [(label, objects, bytes, number), ...], found, pause, price, work, faults) by a forked child, or None\n"
    "while the collector is at work. *question* is a request of search(); if that asks for what is new, the\n"
    "Snapshot *known* has what is known. found is (places, totals) as search/places.h says, None without a question.\n"
    "*ask* is called now and then while the child works, and may raise. Making the child held the program for *pause*\n"
    "seconds and took *price* of processor time; the child may use *patience* of that, and has used *work*. Of\n"
    "its memory the program has had at most *faults* pages copied meanwhile.";

static PyObject *
answer(State *state, Call *call, Look *look, PyObject *const *args)
{
    Search search = {0};
    Pointers own = {0};
    PyObject *result = NULL, *question = args[8];
    double patience = PyFloat_AsDouble(args[5]);
    bool ready = !PyErr_Occurred();
    if (ready && question != Py_None) {
        look->search = &search;
        ready = search_prepare(&search, state, question, &own);
    }
    if (ready)
        result = take(look, call->snapshot, patience, args[6]);
    search_free(&search);
    pointers_free(&state->memory, &own);
    return result;
}

PyObject *
look_in_child_call(State *state, PyObject *const *args, Py_ssize_t given)
{
    Asked asked;
    Call call;
    PyObject *result = NULL;
    if (!call_read(&asked, args, given, 9))
        return NULL;
    if (args[8] != Py_None && !Py_IS_TYPE(args[7], state->snapshot_type))
        return PyErr_Format(PyExc_TypeError, "a question is about a snapshot");
    int begun = call_begin(state, &call, &asked, SNAPSHOT);
    Look look = {.walk = &call.walk, .collector = &state->collector, .known = (Snapshot *)args[7]};
    if (begun > 0)
        result = answer(state, &call, &look, args);
    else if (begun == 0)
        result = Py_NewRef(Py_None);
    call_end(state, &call);
    return result;
}
