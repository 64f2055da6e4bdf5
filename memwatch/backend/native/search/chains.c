/* From what was counted to what is told: groups alike are joined, the largest chosen, and the way to each written down.
 *
 * Many groups at places alike are the members of a collection, and are one. A chain has the address and the type of
 * each object from the root to the one before the last; whoever follows it later can see whether it still holds. */
#include "search/search.h"

#define COLLECTION 16 /* groups alike, as many as which are still told apart */
#define MOST_LINKS ((size_t)1 << 22)

static bool
comes_first(const Ranked *one, const Ranked *other)
{
    return one->key != other->key ? one->key > other->key : one->number < other->number;
}

/* Let the row at *place* sink, so that none comes before those below it. */
static void
sink(Ranked *ranked, size_t place, size_t count)
{
    Ranked row = ranked[place];
    for (size_t below; (below = 2 * place + 1) < count; place = below) {
        if (below + 1 < count && comes_first(&ranked[below], &ranked[below + 1]))
            below++;
        if (!comes_first(&row, &ranked[below]))
            break;
        ranked[place] = ranked[below];
    }
    ranked[place] = row;
}

/* Not by qsort(), which may take memory from malloc: in a forked child that may be locked. */
void
ranked_sort(Ranked *ranked, size_t count)
{
    for (size_t place = count / 2; place-- > 0;)
        sink(ranked, place, count);
    for (size_t left = count; left-- > 1;) {
        Ranked last = ranked[left];
        ranked[left] = ranked[0];
        ranked[0] = last;
        sink(ranked, 0, left);
    }
}

static Group *
group_at(const Search *search, size_t number)
{
    return (Group *)search->groups.data + number;
}

static void
join(Search *search, Sum *sum, uint32_t number)
{
    Group *group = group_at(search, number);
    if (sum->items == 0 || group->bytes > group_at(search, sum->shown)->bytes)
        sum->shown = number;
    sum->targets += group->targets;
    sum->items += group->items;
    sum->bytes += group->bytes;
    sum->measured += group->measured;
    search->sum_of[number] = (uint32_t)(sum - (Sum *)search->sums.data);
}

/* Make sums of the groups, which *ranked* has in the order of their likeness. */
static bool
add_up(Search *search, const Ranked *ranked, size_t count)
{
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start + 1; end < count && ranked[end].key == ranked[start].key;)
            end++;
        Sum *sum = NULL;
        for (size_t place = start; place < end; place++) {
            if (sum == NULL || end - start <= COLLECTION) {
                if ((sum = row_add(search->walk.memory, &search->sums)) == NULL)
                    return false;
                *sum = (Sum){0};
            }
            join(search, sum, ranked[place].number);
        }
    }
    return true;
}

static void
choose(Search *search, Ranked *ranked, size_t named, bool by_measured)
{
    Sum *sums = (Sum *)search->sums.data;
    for (size_t place = 0; place < search->sums.used; place++)
        ranked[place] = (Ranked){by_measured ? sums[place].measured : sums[place].bytes, (uint32_t)place};
    ranked_sort(ranked, search->sums.used);
    for (size_t place = 0; place < search->sums.used && place < named; place++)
        if (ranked[place].key)
            sums[ranked[place].number].chosen = true;
}

/* How many nodes lie on the way from a root to *parent*, itself counted. */
size_t
depth_of(const Search *search, uint32_t parent)
{
    size_t depth = 0;
    for (; !(parent & IS_ROOT); parent = node_parent(search, parent))
        depth++;
    return depth;
}

/* Fill in the nodes from the root down to *parent*, and after them *tail*; one that is too long is left out. */
bool
chain_add(Search *search, Chain chain, uint32_t parent, const Step *tail, size_t tail_length)
{
    size_t depth = depth_of(search, parent);
    chain.start = search->links.used;
    chain.length = depth + tail_length;
    if (chain.start + chain.length > MOST_LINKS)
        return true;
    for (size_t place = 0; place < chain.length; place++)
        if (row_add(search->walk.memory, &search->links) == NULL)
            return false;
    Step *links = (Step *)search->links.data + chain.start;
    for (size_t place = depth; place-- > 0; parent = node_parent(search, parent)) {
        PyObject *object = node_object(search, parent);
        links[place] = (Step){(uintptr_t)object, (uintptr_t)Py_TYPE(object)};
    }
    for (size_t place = 0; place < tail_length; place++)
        links[depth + place] = tail[place];
    chain.root = parent & ~IS_ROOT;
    chain.first = chain.length ? (PyObject *)links[0].address : NULL;
    Chain *made = row_add(search->walk.memory, &search->chains);
    if (made)
        *made = chain;
    return made != NULL;
}

/* Whether both lead to what one object holds, as the chains to the keys and to the values of a dict do. */
static bool
is_beside(const Search *search, const Chain *one, const Chain *other)
{
    const Step *links = (Step *)search->links.data;
    if (one->root != other->root || !one->length || !other->length)
        return one->root == other->root && one->length == other->length;
    return links[one->start + one->length - 1].address == links[other->start + other->length - 1].address;
}

/* Put the chain to the holder with most bytes first, of those that Python's references hold: other ways are looked for
 * to that. */
static void
put_largest_first(Search *search)
{
    Chain *chains = (Chain *)search->chains.data, *best = NULL;
    const Sum *sums = (Sum *)search->sums.data;
    uint64_t most = 0;
    for (size_t place = 0; place < search->chains.used; place++) {
        uint64_t bytes = 0;
        for (size_t other = 0; other < search->chains.used; other++)
            bytes += is_beside(search, &chains[place], &chains[other]) ? sums[chains[other].sum].bytes : 0;
        bool is_larger = best && sums[chains[place].sum].bytes > sums[best->sum].bytes;
        if (label_at(search, chains[place].root)->kind < ROOT_C && (bytes > most || (bytes == most && is_larger))) {
            best = &chains[place];
            most = bytes;
        }
    }
    if (best) {
        Chain first = chains[0];
        chains[0] = *best;
        *best = first;
    }
}

bool
chains_fill(Search *search, size_t named)
{
    Memory *memory = search->walk.memory;
    size_t count = search->groups.used, room = Py_MAX(count, 1) * sizeof(Ranked);
    Ranked *ranked = memory_map(memory, room);
    search->sums_room = Py_MAX(count, 1) * sizeof(uint32_t);
    search->sum_of = memory_map(memory, search->sums_room);
    bool good = ranked && search->sum_of;
    for (size_t number = 0; good && number < count; number++)
        ranked[number] = (Ranked){group_at(search, number)->like, (uint32_t)number};
    if (good) {
        ranked_sort(ranked, count);
        good = add_up(search, ranked, count);
    }
    if (good) {
        choose(search, ranked, named, false);
        choose(search, ranked, named, true);
    }
    for (size_t place = 0; good && place < search->sums.used; place++) {
        Sum *sum = (Sum *)search->sums.data + place;
        if (!sum->chosen)
            continue;
        Group *group = group_at(search, sum->shown);
        Chain chain = {.sum = (uint32_t)place, .last = group->latest};
        good = chain_add(search, chain, group->latest_parent, NULL, 0);
    }
    memory_unmap(memory, ranked, room);
    put_largest_first(search);
    return good;
}
