/* How many bytes Python's small blocks take: each pool of an arena says how many of its blocks are in use, and of which
 * size. It is the walk that sys.getallocatedblocks() makes, and it costs as much.
 *
 * CPython does not tell where its table of arenas is: 3.11 keeps it in a static variable, 3.12 in the state of the
 * main interpreter, 3.13 in a static struct. All of them lie in the writable segments of the library that
 * PyObject_Malloc is in. A pool of ours knows the number of its arena; so the variable is one of the words there that
 * lead to a table in which the entry with that number is that arena. What a word leads to is read through a pipe, which
 * refuses an address where nothing is. The variables that are zero at first are searched alone if that is enough:
 * reading the others, half a MiB, would load them from the file into every process.
 *
 * In 3.11 other words may lead to the same place for a while, such as the one for the arena that is used next. They
 * change while the table stays: then they are dropped. When the table moves all of them change, and those are kept that
 * lead to our arena again.
 *
 * The proof is the count. What the pools hold and what sys.getallocatedblocks() says differ by the blocks that are too
 * large for an arena, whose number CPython keeps in a word of the same segments. If there is one with that very number,
 * which follows when we ask for large blocks and give them back, every pool was seen.
 *
 * Everything here is protected by the GIL of the main interpreter. */
#include "arenas.h"

#include "version.h"

#ifdef __linux__
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#define SEGMENTS 8
#define WORDS 256 /* that may be what is looked for */
#define TRIES 4
#define LARGE 1024 /* bytes of a block that no arena has */
#define ASKED 3
#define UNCHECKED __attribute__((no_sanitize("address"))) /* reads words between those that are somebody's */

typedef struct {
    uintptr_t begin, end;
} Segment;

/* The library that PyObject_Malloc is in. */
typedef struct {
    Segment whole;
    Segment writable[SEGMENTS];
    int parts;
    bool zero_at_first;
} Library;

static struct {
    bool searched, known;
    uint32_t own; /* the number of an arena that stays, as a block of ours is in it */
    uintptr_t block;
    Arena *table;
    Arena **words[WORDS]; /* that lead to the table */
    int leading;
    const Py_ssize_t *large; /* how many blocks are not in arenas */
    int pipe[2];
} arenas;

/* ---- where to look ---- */

/* Copy what may not be there; false if it is not, or not all of it. The pipe has to be open. */
static bool
copy(void *target, uintptr_t source, size_t bytes)
{
    ssize_t written = write(arenas.pipe[1], (const void *)source, bytes);
    return written > 0 && read(arenas.pipe[0], target, (size_t)written) == (ssize_t)bytes;
}

static void
close_pipe(void)
{
    close(arenas.pipe[0]);
    close(arenas.pipe[1]);
}

static bool
lies_in(uintptr_t address, Segment segment)
{
    return segment.begin <= address && address < segment.end;
}

/* What the loader makes read-only after it has written there holds no variables. */
static void
leave_out(Library *library, Segment read_only)
{
    for (int part = 0; part < library->parts; part++)
        if (library->writable[part].begin == read_only.begin)
            library->writable[part].begin = read_only.end;
}

/* For dl_iterate_phdr: note the segments of a library; 1 if it is the one. Of the writable ones what the file gives is
 * left out where the library is to be searched `zero_at_first`. */
static int
note_library(struct dl_phdr_info *info, size_t Py_UNUSED(size), void *noted)
{
    Library *library = noted;
    *library = (Library){.whole = {UINTPTR_MAX, 0}, .zero_at_first = library->zero_at_first};
    for (int number = 0; number < info->dlpi_phnum; number++) {
        const ElfW(Phdr) *head = &info->dlpi_phdr[number];
        Segment segment = {info->dlpi_addr + head->p_vaddr, info->dlpi_addr + head->p_vaddr + head->p_memsz};
        if (head->p_type == PT_GNU_RELRO)
            leave_out(library, segment);
        if (head->p_type != PT_LOAD)
            continue;
        library->whole.begin = Py_MIN(library->whole.begin, segment.begin);
        library->whole.end = Py_MAX(library->whole.end, segment.end);
        if (library->zero_at_first)
            segment.begin += head->p_filesz;
        if (head->p_flags & PF_W && library->parts < SEGMENTS)
            library->writable[library->parts++] = segment;
    }
    return lies_in((uintptr_t)PyObject_Malloc, library->whole);
}

/* The next word after *word*, or the first one after NULL; NULL at the end. */
static uintptr_t *
next_word(const Library *library, uintptr_t *word)
{
    for (int part = 0; part < library->parts; part++) {
        Segment segment = library->writable[part];
        uintptr_t first = (segment.begin + 7) & ~(uintptr_t)7;
        uintptr_t next = word == NULL ? first : (uintptr_t)(word + 1);
        if (next >= first && next + 16 <= segment.end) /* the length may stand behind it */
            return (uintptr_t *)next;
        if (word && lies_in((uintptr_t)word, segment))
            word = NULL;
    }
    return NULL;
}

/* ---- the table ---- */

static Py_ssize_t
block_bytes(const Pool *pool)
{
    return ((Py_ssize_t)pool->size_class + 1) * CLASS_BYTES;
}

/* Whether *arena* may be one that is in use. */
static bool
is_arena(const Arena *arena)
{
    return arena->address && arena->carved % POOL_BYTES == 0 && arena->carved - arena->address <= ARENA_BYTES &&
           arena->pools <= MOST_POOLS && arena->pools >= MOST_POOLS - 1 && arena->free_pools <= arena->pools;
}

static uintptr_t
own_pool(void)
{
    return arenas.block & ~(POOL_BYTES - 1);
}

/* A block that stays, in a pool whose head is as it should be. */
static bool
take_block(void)
{
    Pool pool;
    if (arenas.block == 0)
        arenas.block = (uintptr_t)PyObject_Malloc(1);
    if (arenas.block == 0 || !copy(&pool, own_pool(), sizeof(Pool)))
        return false;
    arenas.own = pool.arena;
    return pool.used && pool.size_class < SIZE_CLASSES && pool.used <= POOL_BYTES / CLASS_BYTES &&
           pool.last_offset < POOL_BYTES;
}

/* Whether the entry for our arena is in a table at *address*. */
static bool
is_table(uintptr_t address)
{
    Arena arena;
    return address % 16 == 0 && copy(&arena, address + arenas.own * sizeof(Arena), sizeof(Arena)) && is_arena(&arena) &&
           arena.address <= own_pool() && own_pool() < arena.carved;
}

static UNCHECKED bool
find_table(const Library *library)
{
    uintptr_t refused = 0;
    for (uintptr_t *word = next_word(library, NULL); word; word = next_word(library, word)) {
        if (*word == refused || *word < 65536 || *word >> 47 || lies_in(*word, library->whole))
            continue;
        if (!may_lead_to_arenas((void **)word))
            continue;
        if (!is_table(*word)) {
            refused = *word;
            continue;
        }
        if (arenas.leading == WORDS || (arenas.leading && (Arena *)*word != arenas.table))
            return false;
        arenas.table = (Arena *)*word;
        arenas.words[arenas.leading++] = (Arena **)word;
    }
    return arenas.leading > 0;
}

/* Keep those words that lead to our arena; false if there are none, or while there is no way to see it. */
static bool
find_table_again(void)
{
    int kept = 0;
    if (pipe2(arenas.pipe, O_CLOEXEC) < 0)
        return false;
    for (int number = 0; number < arenas.leading; number++)
        if (is_table((uintptr_t)*arenas.words[number]))
            arenas.words[kept++] = arenas.words[number];
    close_pipe();
    arenas.leading = kept;
    if (kept)
        arenas.table = *arenas.words[0];
    return kept > 0;
}

/* Follow the table if it has moved, and drop words that led to it by chance. */
static bool
follow_table(void)
{
    int kept = 0;
    for (int number = 0; number < arenas.leading; number++)
        kept += *arenas.words[number] == arenas.table;
    if (kept == arenas.leading || kept == 0)
        return kept > 0 || (arenas.leading > 0 && find_table_again());
    kept = 0;
    for (int number = 0; number < arenas.leading; number++)
        if (*arenas.words[number] == arenas.table)
            arenas.words[kept++] = arenas.words[number];
    arenas.leading = kept;
    return true;
}

/* ---- counting ---- */

/* Blocks and bytes in all arenas; false where one is not what it should be. */
static bool
walk(Py_ssize_t *blocks, Py_ssize_t *bytes)
{
    *blocks = *bytes = 0;
    if (!follow_table())
        return false;
    size_t length = arena_room((void **)arenas.words[0], sizeof(Arena)); /* may grow where it is */
    for (size_t number = 0; number < length; number++) {
        const Arena *arena = &arenas.table[number];
        if (arena->address == 0)
            continue;
        if (!is_arena(arena))
            return false;
        uintptr_t first = (arena->address + POOL_BYTES - 1) & ~(POOL_BYTES - 1);
        for (uintptr_t place = first; place < arena->carved; place += POOL_BYTES) {
            const Pool *pool = (const Pool *)place;
            __builtin_prefetch((const void *)(place + 4 * POOL_BYTES));
            *blocks += pool->used;
            *bytes += pool->used * block_bytes(pool);
        }
    }
    return length > arenas.own;
}

/* What sys.getallocatedblocks() says more than there is in arenas; -1 where that cannot be told. */
static Py_ssize_t
outside_arenas(PyObject *count_blocks)
{
    Py_ssize_t blocks, bytes;
    if (!walk(&blocks, &bytes))
        return -1;
    PyObject *answer = PyObject_CallNoArgs(count_blocks);
    Py_ssize_t all = answer ? PyLong_AsSsize_t(answer) : -1;
    Py_XDECREF(answer);
    return Py_MAX(all - blocks, -1);
}

/* Keep those words that say *count*; if there were none yet, all of the library that do. -1 where they are too many. */
static UNCHECKED int
filter_words(const Library *library, const Py_ssize_t **words, int number, Py_ssize_t count)
{
    int kept = 0;
    if (number == 0)
        for (uintptr_t *word = next_word(library, NULL); word && kept <= WORDS; word = next_word(library, word))
            if ((Py_ssize_t)*word == count && kept++ < WORDS)
                words[kept - 1] = (const Py_ssize_t *)word;
    for (int place = 0; place < number; place++)
        if (*words[place] == count)
            words[kept++] = words[place];
    return kept > WORDS ? -1 : kept;
}

/* One trial with *words*: do they follow when large blocks come and go? */
static int
follow_large(const Library *library, const Py_ssize_t **words, PyObject *count_blocks)
{
    void *blocks[ASKED];
    Py_ssize_t before = outside_arenas(count_blocks);
    int number = before < 0 ? 0 : filter_words(library, words, 0, before);
    for (int asked = 0; asked < ASKED; asked++)
        blocks[asked] = PyObject_Malloc(LARGE);
    if (number > 0)
        number = outside_arenas(count_blocks) == before + ASKED ? filter_words(library, words, number, before + ASKED)
                                                                : 0;
    for (int asked = 0; asked < ASKED; asked++)
        PyObject_Free(blocks[asked]);
    if (number > 0)
        number = outside_arenas(count_blocks) == before ? filter_words(library, words, number, before) : 0;
    return number;
}

/* Find the number of large blocks. While too many words say it, one block more makes it another one. */
static bool
find_large(const Library *library, PyObject *count_blocks)
{
    const Py_ssize_t *words[WORDS];
    void *held[TRIES];
    int number = -1, tries = 0;
    while (number < 0 && tries < TRIES) {
        number = follow_large(library, words, count_blocks);
        held[tries++] = PyObject_Malloc(LARGE);
    }
    while (tries > 0)
        PyObject_Free(held[--tries]);
    arenas.large = number == 1 ? words[0] : NULL;
    return number == 1;
}

/* Search the variables of the interpreter that are zero at first, or all of them. */
static bool
find_in(bool zero_at_first, PyObject *count_blocks)
{
    Library library = {.zero_at_first = zero_at_first};
    PyMemAllocatorEx raw; /* gives the table: where it is not Python's own, nothing is known of that */
    PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &raw);
    arenas.leading = 0;
    if (!dl_iterate_phdr(note_library, &library) || !lies_in((uintptr_t)raw.malloc, library.whole) ||
        pipe2(arenas.pipe, O_CLOEXEC) < 0)
        return false;
    bool found = take_block() && find_table(&library);
    close_pipe();
    return found && find_large(&library, count_blocks);
}

static void
find(PyObject *count_blocks)
{
    arenas.known = find_in(true, count_blocks) || (ARENAS_MAY_BE_INITIALIZED && find_in(false, count_blocks));
}

static bool
read_arenas(Py_ssize_t *blocks, Py_ssize_t *bytes)
{
    if (!arenas_known() || !walk(blocks, bytes))
        return false;
    *blocks += *arenas.large;
    return true;
}

#else
static struct {
    bool searched, known;
} arenas;

static void
find(PyObject *Py_UNUSED(count_blocks))
{
}

static bool
read_arenas(Py_ssize_t *Py_UNUSED(blocks), Py_ssize_t *Py_UNUSED(bytes))
{
    return false;
}
#endif

bool
arenas_find(void)
{
    PyObject *count_blocks = PySys_GetObject("getallocatedblocks");
    if (arenas.searched || PyInterpreterState_Get() != PyInterpreterState_Main() || count_blocks == NULL)
        return true;
    arenas.searched = true;
    Py_INCREF(count_blocks);
    find(count_blocks);
    Py_DECREF(count_blocks);
    return !PyErr_Occurred();
}

bool
arenas_known(void)
{
    return arenas.known && PyInterpreterState_Get() == PyInterpreterState_Main();
}

PyDoc_STRVAR(count_doc, "count_blocks()\n--\n\nPython's blocks, and the bytes of the small ones or None.");

static PyObject *
count_blocks(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    Py_ssize_t blocks, bytes;
    PyObject *count_blocks, *count;
    if (read_arenas(&blocks, &bytes))
        count = Py_BuildValue("(nn)", blocks, bytes);
    else {
        count_blocks = PySys_GetObject("getallocatedblocks");
        count = count_blocks ? Py_BuildValue("(NO)", PyObject_CallNoArgs(count_blocks), Py_None) : PyErr_NoMemory();
    }
    if (count && PyObject_GC_IsTracked(count)) /* numbers alone: no object more for a program that counts its own */
        PyObject_GC_UnTrack(count);
    return count;
}

PyDoc_STRVAR(may_count_doc, "may_count_blocks()\n--\n\nWhether Python's blocks can be counted without harm.");

static PyObject *
blocks_are_safe(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(arenas_known() || may_count_blocks());
}

PyMethodDef arenas_methods[] = {
    {"count_blocks", count_blocks, METH_NOARGS, count_doc},
    {"may_count_blocks", blocks_are_safe, METH_NOARGS, may_count_doc},
    {NULL, NULL, 0, NULL},
};
