/* Totals by type, and the listing with a row for each object. See result.h.
 *
 * While a walk is looked at, its objects are only borrowed. So before the first Python object is made, which may start
 * a collection, every type met gets a reference with its C method, and so does every object whose size such a method
 * will tell. The objects are let go before anything else is done: there are some that must have one owner only, as an
 * array that its program is about to resize. */
#include "census/result.h"

static void
each_type(const Kinds *kinds, void (*act)(PyObject *))
{
    for (size_t slot = 0; slot < kinds->room; slot++) {
        if (kinds->slots[slot].type == NULL)
            continue;
        act((PyObject *)kinds->slots[slot].type);
        act(kinds->slots[slot].measure); /* or NULL; a class can lose it while others are asked */
    }
}

static void
each_later(const Row *later, void (*act)(PyObject *))
{
    for (size_t place = 0; place < later->used; place++)
        act(((Later *)later->data)[place].object);
}

/* An object that is hidden or already being freed is not asked. */
static void
drop_untold(Walk *walk)
{
    size_t kept = 0;
    Later *rows = (Later *)walk->later.data;
    for (size_t place = 0; place < walk->later.used; place++)
        if (Py_REFCNT(rows[place].object) > 0 && !pointers_find(&walk->hidden, rows[place].object))
            rows[kept++] = rows[place];
    walk->later.used = kept;
}

void
result_hold(Walk *walk)
{
    drop_untold(walk);
    each_type(&walk->kinds, Py_IncRef);
    each_later(&walk->later, Py_IncRef);
}

void
result_let_go(Walk *walk)
{
    each_later(&walk->later, Py_DecRef);
    each_type(&walk->kinds, Py_DecRef);
}

/* Ask the C methods, into *sizes* by row or into the totals, and let go of the objects. */
static void
ask_later(Walk *walk, uint64_t *sizes)
{
    for (size_t place = 0; place < walk->later.used; place++) {
        Later later = ((Later *)walk->later.data)[place];
        Kind *kind = kinds_find(&walk->kinds, Py_TYPE(later.object));
        if (kind == NULL || kind->rule != SIZE_MEASURED) /* a method that ran before has changed its class */
            continue;
        uint64_t size = (uint64_t)size_by_method(kind, later.object);
        if (sizes)
            sizes[later.row] = size;
        else /* the walk counted the size without the method's part */
            kind->bytes += size - later.counted;
    }
    each_later(&walk->later, Py_DecRef);
    walk->later.used = 0;
}

static PyObject *
one_total(const Kind *kind)
{
    return Py_BuildValue("(OKKI)", (PyObject *)kind->type, (unsigned long long)kind->count,
                         (unsigned long long)kind->bytes, (unsigned int)kind->place);
}

PyObject *
result_totals(Walk *walk)
{
    Kinds *kinds = &walk->kinds;
    ask_later(walk, NULL);
    PyObject *totals = PyList_New(0);
    for (size_t slot = 0; totals && slot < kinds->room; slot++) {
        if (kinds->slots[slot].type == NULL || kinds->slots[slot].count == 0)
            continue;
        PyObject *total = one_total(&kinds->slots[slot]);
        if (total == NULL || PyList_Append(totals, total) < 0)
            Py_CLEAR(totals);
        Py_XDECREF(total);
    }
    return totals;
}

/* ---- the listing ---- */

static bool
fill_row(PyObject *object, void *arg)
{
    Columns *columns = arg;
    Walk *walk = columns->walk;
    Kind *kind = kind_of(walk, object);
    if (kind == NULL || columns->row == columns->rows)
        return false;
    columns->addresses[columns->row] = (uint64_t)(uintptr_t)object;
    columns->kinds[columns->row] = kind->place;
    columns->sizes[columns->row] = (uint64_t)size_of(kind, object);
    if (kind->rule == SIZE_MEASURED) {
        Later *later = row_add(walk->memory, &walk->later);
        if (later == NULL)
            return false;
        *later = (Later){.object = object, .row = columns->row};
    }
    columns->row++;
    return true;
}

bool
columns_fill(Columns *columns, Walk *walk)
{
    Memory *memory = walk->memory;
    size_t rows = Py_MAX(marks_count(&walk->marks), 1);
    *columns = (Columns){.walk = walk, .rows = rows};
    columns->addresses = memory_map(memory, rows * sizeof(uint64_t));
    columns->kinds = memory_map(memory, rows * sizeof(uint32_t));
    columns->sizes = memory_map(memory, rows * sizeof(uint64_t));
    if (!columns->addresses || !columns->kinds || !columns->sizes)
        return false;
    return marks_each(&walk->marks, fill_row, columns);
}

void
columns_free(Columns *columns)
{
    if (columns->walk == NULL)
        return;
    Memory *memory = columns->walk->memory;
    memory_unmap(memory, columns->addresses, columns->rows * sizeof(uint64_t));
    memory_unmap(memory, columns->kinds, columns->rows * sizeof(uint32_t));
    memory_unmap(memory, columns->sizes, columns->rows * sizeof(uint64_t));
    columns->walk = NULL;
}

/* What *copy* makes of a column: an array of that code. */
static PyObject *
copied(PyObject *copy, const char *code, void *start, size_t bytes)
{
    PyObject *made = NULL, *view = PyMemoryView_FromMemory(start, (Py_ssize_t)bytes, PyBUF_READ);
    if (view)
        made = PyObject_CallFunction(copy, "sO", code, view);
    Py_XDECREF(view);
    return made;
}

/* Ask *name* for the types' numbers, and put them in place of the types' places. */
static bool
rename_kinds(Columns *columns, PyObject *name)
{
    bool renamed = false;
    Kinds *kinds = &columns->walk->kinds;
    PyObject *numbers = NULL, *types = PyList_New((Py_ssize_t)kinds->used);
    if (types == NULL)
        goto done;
    for (size_t slot = 0; slot < kinds->room; slot++)
        if (kinds->slots[slot].type)
            PyList_SET_ITEM(types, kinds->slots[slot].place, Py_NewRef(kinds->slots[slot].type));
    numbers = PyObject_CallOneArg(name, types);
    if (numbers == NULL || !PyList_Check(numbers) || PyList_GET_SIZE(numbers) != PyList_GET_SIZE(types)) {
        if (numbers)
            PyErr_SetString(PyExc_ValueError, "a number is needed for each type, in a list");
        goto done;
    }
    for (size_t row = 0; row < columns->row; row++) /* ints of a list of its own: no code runs */
        columns->kinds[row] = (uint32_t)PyLong_AsUnsignedLong(PyList_GET_ITEM(numbers, columns->kinds[row]));
    renamed = !PyErr_Occurred();
done:
    Py_XDECREF(types);
    Py_XDECREF(numbers);
    return renamed;
}

/* Narrow the column of sizes where every size fits. Answers the array's code. */
static const char *
narrow_sizes(Columns *columns)
{
    uint64_t largest = 0;
    for (size_t row = 0; row < columns->row; row++)
        largest = Py_MAX(largest, columns->sizes[row]);
    if (largest > UINT32_MAX)
        return "Q";
    char *narrow = (char *)columns->sizes; /* each number moves to where a wider one was read before */
    for (size_t row = 0; row < columns->row; row++) {
        uint32_t size = (uint32_t)columns->sizes[row];
        memcpy(narrow + row * sizeof(size), &size, sizeof(size));
    }
    return "I";
}

PyObject *
result_listing(Columns *columns, PyObject *name, PyObject *copy)
{
    PyObject *addresses = NULL, *kinds = NULL, *sizes = NULL, *result = NULL;
    ask_later(columns->walk, columns->sizes);
    if (!rename_kinds(columns, name))
        return NULL;
    const char *code = narrow_sizes(columns);
    size_t rows = columns->row;
    if ((addresses = copied(copy, "Q", columns->addresses, rows * sizeof(uint64_t))) == NULL ||
        (kinds = copied(copy, "I", columns->kinds, rows * sizeof(uint32_t))) == NULL ||
        (sizes = copied(copy, code, columns->sizes, rows * (*code == 'I' ? 4 : 8))) == NULL)
        goto done;
    result = PyTuple_Pack(3, addresses, kinds, sizes);
done:
    Py_XDECREF(addresses);
    Py_XDECREF(kinds);
    Py_XDECREF(sizes);
    return result;
}
