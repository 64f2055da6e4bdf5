"""Does code make a container smaller? It takes items out, or replaces the container by a new one. Nothing is run.

The code may also call a function beside it that does so, by its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from opcode import opmap, opname
from types import CodeType

from .comparisons import (
    ADDERS,
    instructions,
    loaded_variables,
    name_of,
    once,
    parts_of,
    reads_item,
    results_of,
    stored_variables,
    variables_of,
)
from .object_labels import length
from .operands import KINDS, at, operations
from .views import View

_EMPTIES = frozenset(("clear",))
_OF_HEAPS = frozenset(("heappop", "heappushpop", "heapreplace"))
_TAKES_OUT = _OF_HEAPS | frozenset(
    ("pop", "popitem", "popleft", "clear", "remove", "discard", "difference_update", "intersection_update")
)
_DELETES = {opmap[name]: place for name, place in (("DELETE_SUBSCR", 2), ("STORE_SLICE", 3)) if name in opmap}
"""Operations that delete or replace items, each with the place on the stack of what these are in."""

_NO_DELETES: dict[int, int] = {}

_STORES = frozenset(opmap[name] for name in ("STORE_ATTR", "STORE_GLOBAL", "STORE_NAME"))
_STORE_NAME, _STORE_ATTR = opmap["STORE_NAME"], opmap["STORE_ATTR"]
_NOTHING = frozenset((opmap["CACHE"], opmap["EXTENDED_ARG"]))
_GLOBAL, _BINARY = opmap["LOAD_GLOBAL"], opmap["BINARY_OP"]
_CUTS = 26  # from 3.14 on this operation, with this argument, reads an item or a slice
_PASSED = frozenset(
    op for op, name in enumerate(opname) if name.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_GLOBAL", "LOAD_NAME"))
) | frozenset(opmap[name] for name in ("CACHE", "SWAP", "COPY", "EXTENDED_ARG") if name in opmap)
"""What may stand between a value and where it is stored."""

_OWN = ("self", "cls")
_MAKERS = frozenset(("__init__", "__new__", "__post_init__", "__setstate__"))


def takers(view: View) -> list[CodeType]:
    """The code that takes items out of the container, or calls a function that does."""
    removers = removers_of(view)
    return [code for code in view.codes if removes(view, code) or calls(code, removers)]


def removers_of(view: View) -> frozenset[str]:
    """The names of the functions that take items out of the container, or out of their argument."""
    given = (code for code in view.codes if _takes_from_given(view, code))
    own = (code for code in view.touching if removes(view, code))
    return frozenset(code.co_name for code in (*given, *own))


def _takes_from_given(view: View, code: CodeType) -> bool:
    """Whether a function takes items out of something, and names no container but its arguments."""
    if not code.co_argcount or code.co_varnames[0] in _OWN or not takes_out(code):
        return False
    return not any(length(value) is not None for word in code.co_names for value in view.values(word))


def calls(code: CodeType, names: Collection[str]) -> bool:
    """Whether *code* uses one of *names*; a name with two leading underscores also as the class mangles it."""
    private = tuple(name for name in names if name.startswith("__") and not name.endswith("__"))
    if any(name in code.co_names for name in names):
        return True
    return bool(private) and any(word.endswith(private) for word in code.co_names)


def removes(view: View, code: CodeType) -> bool:
    """Whether *code*, which names the container, takes items out of it, or replaces it."""
    return view.touches(code) and (_takes_from_it(code, view.name, view.is_variable) or replaces(view, code))


@once
def _takes_from_it(code: CodeType, name: str | None, is_variable: bool, at_once: bool = False) -> bool:
    """Whether *code* takes items, or *at_once* all of them, out of the container, or out of what may be it: all but
    attributes, globals and variables of other names, their items, and what is set to one of these."""
    if not takes_out(code):
        return False
    methods, deletes = (_EMPTIES, _NO_DELETES) if at_once else (_TAKES_OUT, _DELETES)
    maybe = {None, name, *results_of(code, {name or ""}), *KINDS}
    for part in parts_of(code):
        for op, arg, read, stack in operations(part, items=True, variables=is_variable):
            if reads_item(op, arg) and at(stack, 1) == name:  # it is what a registry has under this key
                maybe.add(at(stack, 2))
            is_function = op == _GLOBAL or read in _OF_HEAPS
            place = 1 if read in methods else deletes.get(op)
            if place and (name is None or is_function or at(stack, place) in maybe):
                return True
    return False


def takes_out(code: CodeType) -> bool:
    """Whether *code* takes items out of something."""
    return any(
        not _TAKES_OUT.isdisjoint(it.co_names) or not _DELETES.keys().isdisjoint(it.co_code[::2])
        for it in parts_of(code)
    )


def takes_from(code: CodeType, name: str) -> bool:
    """Whether *code* calls a method that takes items out of what it has under *name*: ``self.idle.pop()``."""
    return _calls_of(code, name, _TAKES_OUT)


def puts_into(code: CodeType, name: str) -> bool:
    """Whether *code* calls a method that adds to what it has under *name*: ``self.idle.append(item)``."""
    return _calls_of(code, name, ADDERS)


def _calls_of(code: CodeType, name: str, methods: Collection[str]) -> bool:
    words = [word for op, arg in instructions(code) if (word := name_of(code, op, arg)) is not None]
    return any(word == name and following in methods for word, following in pairwise(words))


def empties(view: View, code: CodeType) -> bool:
    """Whether *code* takes all items of the container out at once, or replaces it."""
    return view.touches(code) and (
        _takes_from_it(code, view.name, view.is_variable, at_once=True) or replaces(view, code)
    )


def replaces(view: View, code: CodeType) -> bool:
    """Whether *code* puts something else under the container's name than the same with more added. A variable has to be
    set more than once: the first time makes it."""
    if view.name is None or code.co_name in _MAKERS:
        return False
    stores = [op for op, grows in _stores_under(view.name, code) if not grows]
    variables = sum(op not in _STORES or op == _STORE_NAME for op in stores)
    return variables > 1 or len(stores) > variables


def adds_to(name: str, code: CodeType) -> bool:
    """Whether *code* stores a sum or a difference under *name*: a number that counts, and no bound."""
    return any(grows for _, grows in _stores_under(name, code))


def counted_in(codes: Iterable[CodeType]) -> frozenset[str]:
    """The names that `adds_to` is true of, for one of *codes*."""
    return frozenset(name for code in codes for name, _, grows in _stores(code) if grows)


def _stores_under(name: str, code: CodeType) -> Iterator[tuple[int, bool]]:
    """The operations that store under *name*, each with whether the stored value is a sum."""
    if name in code.co_names or name in variables_of(code):
        yield from ((op, grows) for stored, op, grows in _stores(code) if stored == name)


@once
def _stores(code: CodeType) -> Iterable[tuple[str, int, bool]]:
    """The names that *code* stores under, each with the operation, and whether the value is a sum. An attribute counts
    in methods alone, where it is set to anything but a sum."""
    variables, grows, loaded = variables_of(code), False, ""
    for op, arg in instructions(code):
        if op in _STORES and (op != _STORE_ATTR or grows or loaded in _OWN):
            yield code.co_names[arg], op, grows
        else:
            yield from ((name, op, grows) for name in stored_variables(op, arg, variables))
        if op not in _PASSED:
            grows = op == _BINARY and arg != _CUTS
        if op not in _NOTHING:
            loaded = next(reversed(loaded_variables(op, arg, variables)), "")
