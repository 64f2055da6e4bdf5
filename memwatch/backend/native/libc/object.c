/* Reads what the loader works with: an object's dynamic section, and the symbols that it defines. See native.h.
 *
 * All of it is plain memory of the object, which cannot go away while the loader's list is being walked. */
#include "libc/parts.h"

#if KNOWS_NATIVE

#include <string.h>
#include <unistd.h>

static uintptr_t
page_of(uintptr_t address)
{
    return address & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
}

/* An address in the dynamic section: the loader has added the base, where it could. */
static uintptr_t
absolute(const NativeObject *object, uintptr_t address)
{
    return address < object->base ? address + object->base : address;
}

static void
read_dynamic(NativeObject *object, const ElfW(Dyn) *dynamic)
{
    size_t name = 0;
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        uintptr_t value = dynamic->d_un.d_val;
        switch (dynamic->d_tag) {
        case DT_SYMTAB: object->symbols = (const ElfW(Sym) *)absolute(object, value); break;
        case DT_STRTAB: object->texts = (const char *)absolute(object, value); break;
        case DT_GNU_HASH: object->hash = (const uint32_t *)absolute(object, value); break;
        case DT_JMPREL: object->tables[0] = (const ElfW(Rela) *)absolute(object, value); break;
        case DT_PLTRELSZ: object->lengths[0] = value / sizeof(ElfW(Rela)); break;
        case DT_RELA: object->tables[1] = (const ElfW(Rela) *)absolute(object, value); break;
        case DT_RELASZ: object->lengths[1] = value / sizeof(ElfW(Rela)); break;
        case DT_SONAME: name = value; break;
        }
    }
    object->name = name && object->texts ? object->texts + name : "";
}

static void
read_segment(NativeObject *object, const ElfW(Phdr) *segment)
{
    uintptr_t start = object->base + segment->p_vaddr, end = start + segment->p_memsz;
    if (segment->p_type == PT_LOAD) {
        object->low = Py_MIN(object->low, page_of(start));
        object->high = Py_MAX(object->high, end);
    } else if (segment->p_type == PT_GNU_RELRO) {
        object->sealed = page_of(start);
        object->sealed_end = page_of(end);
    }
}

bool
object_read(NativeObject *object, const struct dl_phdr_info *info)
{
    const ElfW(Dyn) *dynamic = NULL;
    *object = (NativeObject){.base = info->dlpi_addr, .low = UINTPTR_MAX};
    for (int number = 0; number < info->dlpi_phnum; number++) {
        read_segment(object, &info->dlpi_phdr[number]);
        if (info->dlpi_phdr[number].p_type == PT_DYNAMIC)
            dynamic = (const ElfW(Dyn) *)(object->base + info->dlpi_phdr[number].p_vaddr);
    }
    if (dynamic)
        read_dynamic(object, dynamic);
    return object->symbols && object->texts;
}

static uint32_t
hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (uint8_t)*name;
    return hash;
}

/* The table is: number of buckets, first symbol that is in it, words of a filter, its shift; the filter; the buckets,
 * each with its first symbol; a hash for each symbol, whose lowest bit marks the last one of a bucket. */
const ElfW(Sym) *
object_symbol(const NativeObject *object, const char *name)
{
    const uint32_t *head = object->hash;
    if (head == NULL || head[0] == 0)
        return NULL;
    const uint32_t *buckets = head + 4 + head[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *hashes = buckets + head[0] - head[1];
    uint32_t hash = hash_of(name), number = buckets[hash % head[0]];
    if (number < head[1])
        return NULL;
    for (;; number++) {
        const ElfW(Sym) *symbol = &object->symbols[number];
        if ((hashes[number] | 1) == (hash | 1) && strcmp(object->texts + symbol->st_name, name) == 0)
            return symbol;
        if (hashes[number] & 1)
            return NULL;
    }
}

#endif
