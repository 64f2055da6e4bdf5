/* A search that goes no farther than it may, for heaps that cannot be walked: for some objects that are wanted, not for
 * all that is new. See search.h.
 *
 * Of a container with many items the first and the last are visited, where the newest lie; the others are only compared
 * with what is wanted, by their address, which touches none of them. Of one with very many only the last are compared.
 * Code leads nowhere, and modules are roots or nothing: else the libraries would be walked first. */
#include "search/search.h"

#define FIRST_ITEMS 32
#define LAST_ITEMS 512
#define MOST_ITEMS ((size_t)1 << 20)

bool
near_passes_by(Search *search, PyObject *object)
{
    size_t item = search->item++;
    if (--search->near == 0) {
        search->near = 1;
        search->enough = true;
        return true;
    }
    bool at_an_end = item < FIRST_ITEMS || item + LAST_ITEMS >= search->items;
    return !at_an_end && !marks_has(&search->given, object);
}

bool
near_leads_on(const Search *search, const Kind *kind, Met met)
{
    if (kind->flags & KIND_MODULE)
        return met.parent & IS_ROOT && label_at(search, met.parent)->kind == ROOT_MODULE;
    return kind->type != &PyCode_Type;
}

/* How many references *object* shows, keys among them; 0 where that is not known. */
static size_t
count_items(PyObject *object)
{
    if (PyList_CheckExact(object) || PyTuple_CheckExact(object))
        return (size_t)Py_SIZE(object);
    if (PyDict_CheckExact(object))
        return 2 * (size_t)((PyDictObject *)object)->ma_used;
    return PyAnySet_CheckExact(object) ? (size_t)((PySetObject *)object)->used : 0;
}

static void
follow_last_items(Search *search, PyObject **items, Py_ssize_t count, visitproc visit)
{
    for (Py_ssize_t place = count - (Py_ssize_t)MOST_ITEMS; place < count; place++)
        if (items[place] && visit(items[place], search) < 0)
            return;
}

static void
follow_last_entries(Search *search, PyObject *dict, visitproc visit)
{
    PyObject *key, *value;
    Py_ssize_t place = KEYS_OF((PyDictObject *)dict)->entries - (Py_ssize_t)MOST_ITEMS / 2;
    while (PyDict_Next(dict, &place, &key, &value))
        if (visit(key, search) < 0 || visit(value, search) < 0)
            return;
}

void
near_follow(Search *search, PyObject *object, visitproc visit)
{
    size_t items = count_items(object);
    search->item = 0;
    search->items = Py_MIN(items, MOST_ITEMS);
    if (items <= MOST_ITEMS || PyAnySet_CheckExact(object))
        search_follow(search, object, visit);
    else if (PyList_CheckExact(object))
        follow_last_items(search, ((PyListObject *)object)->ob_item, Py_SIZE(object), visit);
    else if (PyTuple_CheckExact(object))
        follow_last_items(search, ((PyTupleObject *)object)->ob_item, Py_SIZE(object), visit);
    else
        follow_last_entries(search, object, visit);
}
