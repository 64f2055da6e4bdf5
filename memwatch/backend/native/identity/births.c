/* The epochs: beginning, joining and ending them. See births.h. */
#include "identity/births.h"

Births births = {.memory = {.fail_after = -1}};

static bool
is_owner(void)
{
    PyThreadState *thread = current_thread();
    return thread && births.owner == thread->interp;
}

static bool
become_owner(void)
{
    PyInterpreterState *nobody = NULL;
    return is_owner() || __atomic_compare_exchange_n(&births.owner, &nobody, PyInterpreterState_Get(), false,
                                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void
give_up_ownership(void)
{
    __atomic_store_n(&births.owner, NULL, __ATOMIC_SEQ_CST);
}

void
births_are_unsure(void)
{
    for (Epoch *epoch = births.oldest; epoch; epoch = epoch->next)
        epoch->unsure = true;
}

void
birth(PyObject *object)
{
    if (births.latest && is_owner() && marks_add(&births.memory, &births.latest->marks, object) < 0)
        births_are_unsure();
}

static void
free_epoch(Epoch *epoch)
{
    if (epoch == NULL)
        return;
    marks_free(&births.memory, &epoch->marks);
    marks_free(&births.memory, &epoch->loose);
    memory_unmap(&births.memory, epoch, sizeof(Epoch));
}

static Epoch *
new_epoch(void)
{
    Epoch *epoch = memory_map(&births.memory, sizeof(Epoch));
    if (epoch && marks_begin(&births.memory, &epoch->marks) && marks_begin(&births.memory, &epoch->loose))
        return epoch;
    free_epoch(epoch);
    return NULL;
}

static void
begin_shadow(Epoch *epoch)
{
    if (!shadow_begin()) {
        for (Epoch *older = epoch->before; older; older = older->before)
            older->unsure = true;
        shadow_empty();
        shadow_begin();
    }
    epoch->serial = Py_MAX(shadow.serial, 1);
}

bool
births_prepare(void)
{
    return watcher_prepare();
}

Epoch *
births_begin(const GCState *collector)
{
    if (!become_owner())
        return NULL;
    births.collector = *collector;
    Epoch *epoch = new_epoch();
    if (epoch) {
        epoch->before = births.latest;
        *(births.latest ? &births.latest->next : &births.oldest) = epoch;
        births.latest = epoch;
        if (!watcher_begin())
            epoch->unsure = true;
        begin_shadow(epoch);
    } else if (births.oldest == NULL)
        give_up_ownership();
    return epoch;
}

bool
births_look(Epoch *epoch)
{
    if (!is_owner()) /* a snapshot handed from one interpreter to another */
        return false;
    if (!watcher_look())
        births_are_unsure();
    bool sure = true;
    for (; epoch; epoch = epoch->next)
        sure = sure && !epoch->unsure;
    return sure;
}

void
births_end(Epoch *epoch)
{
    Epoch *before = epoch->before;
    if (before) {
        before->unsure = before->unsure || epoch->unsure;
        if (!marks_join(&births.memory, &before->marks, &epoch->marks) ||
            !marks_join(&births.memory, &before->loose, &epoch->loose))
            before->unsure = true;
    }
    *(before ? &before->next : &births.oldest) = epoch->next;
    if (epoch->next)
        epoch->next->before = before;
    else
        births.latest = before;
    free_epoch(epoch);
    if (births.oldest == NULL) {
        watcher_end();
        shadow_empty();
        give_up_ownership();
    }
}

bool
births_leave_out(Walk *walk)
{
    return watcher_leave_out(walk);
}

void
births_forget(void)
{
    watcher_forget();
}
