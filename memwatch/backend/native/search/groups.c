/* Counting what is new, by where it hangs. See search.h.
 *
 * A new object that an old one holds is a target of the group that belongs to its holder and its type, or where its
 * class is new itself, as of classes made at each call, to the base that is not; all that is new below it is counted in
 * the same group. Past many groups, those join whose ways are alike: the same root and the same three objects from
 * there, and then the same types. */
#include "search/search.h"

#define MANY_GROUPS 10000
#define PLACE_BITS 24
#define IS_CALL (UINT64_C(1) << 38)
#define IS_HELD (UINT64_C(1) << 37)

static uint64_t
mix(uint64_t value)
{
    value = (value ^ (value >> 31)) * UINT64_C(0x7FB5D329728EA185);
    value = (value ^ (value >> 27)) * UINT64_C(0x81DADEF4BC2DD44D);
    return value ^ (value >> 33);
}

uint64_t
place_below(uint64_t place, PyObject *object)
{
    uint64_t depth = place & 3;
    uintptr_t sign = depth < 3 ? (uintptr_t)object : (uintptr_t)Py_TYPE(object);
    uint64_t mixed = mix(place ^ mix(sign));
    return ((mixed << 2) & ~IS_GROUP) | (depth < 3 ? depth + 1 : 3);
}

static Group *
new_group(Search *search, uint64_t like)
{
    Group *group = row_add(search->walk.memory, &search->groups);
    if (group)
        *group = (Group){.like = like};
    return group;
}

/* The class that objects of *type* are told by: the type itself, or of one that has come since its nearest old base. */
static PyTypeObject *
old_class(const Search *search, PyTypeObject *type)
{
    while (search->mode == NEW_UNKNOWN && PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) && type->tp_base &&
           !marks_has(&search->given, (PyObject *)type))
        type = type->tp_base;
    return type;
}

/* What holders have in common whose groups are one: the calls of one function, in however many threads. What C code
 * holds has no holder in common: there those of one size are. */
static uint64_t
holder_of(const Search *search, uint32_t parent, uint64_t bytes)
{
    if (!(parent & IS_ROOT))
        return parent;
    const Label *label = label_at(search, parent);
    if (label->kind == ROOT_C)
        return IS_HELD | (mix(bytes) & (IS_HELD - 1));
    return label->kind == ROOT_FRAME ? IS_CALL | (mix((uintptr_t)label->code) & (IS_CALL - 1))
                                     : IS_ROOT | root_at(search, parent)->label;
}

/* The number of the group for a target of *bytes* below *parent*, from 1 on; 0 without memory. */
static size_t
group_for(Search *search, Kind *kind, uint32_t parent, uint64_t place, uint64_t bytes)
{
    PyTypeObject *type = old_class(search, kind->type);
    if (type != kind->type && (kind = kinds_of(&search->walk, type)) == NULL)
        return 0;
    uint64_t holder = holder_of(search, parent, bytes);
    uint64_t like = mix(place ^ mix((uintptr_t)type)), key = (holder + 1) << PLACE_BITS | kind->place;
    if (key == search->last_key)
        return search->last_group;
    Pointer *entry = pointers_find(&search->group_of, (void *)key);
    if (entry == NULL && search->groups.used >= MANY_GROUPS)
        entry = pointers_enter(search->walk.memory, &search->group_of, (void *)(like | IS_GROUP));
    else if (entry == NULL)
        entry = pointers_enter(search->walk.memory, &search->group_of, (void *)key);
    if (entry == NULL || (entry->number == 0 && new_group(search, like) == NULL))
        return 0;
    if (entry->number == 0)
        entry->number = (Py_ssize_t)search->groups.used;
    search->last_key = key;
    return search->last_group = (size_t)entry->number;
}

uint64_t
count_new(Search *search, Kind *kind, PyObject *object, uint32_t parent, uint64_t place)
{
    Memory *memory = search->walk.memory;
    bool topmost = !(place & IS_GROUP);
    uint64_t bytes = (uint64_t)size_unasked(kind, object);
    size_t number = topmost ? group_for(search, kind, parent, place, bytes) : (size_t)(place & ~IS_GROUP) + 1;
    if (number == 0 || (topmost && (kind = kind_of(&search->walk, object)) == NULL)) /* it may have moved */
        return 0;
    Group *group = (Group *)search->groups.data + number - 1;
    if (topmost) {
        group->targets++;
        group->latest = object;
        group->latest_parent = parent;
    }
    group->items++;
    group->bytes += bytes;
    Pointer *entry = pointers_enter(memory, &search->counts, (void *)((uint64_t)number << PLACE_BITS | kind->place));
    if (entry == NULL)
        return 0;
    entry->number++;
    if (kind->rule == SIZE_MEASURED) {
        Later *later = row_add(memory, &search->walk.later);
        if (later == NULL)
            return 0;
        *later = (Later){.object = object, .row = number - 1};
        group->measured++;
    }
    return IS_GROUP | (number - 1);
}
