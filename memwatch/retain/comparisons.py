"""What code compares: the names and numbers that stand in each of its comparisons. Nothing is run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from opcode import HAVE_ARGUMENT, opmap, opname, stack_effect
from types import CodeType
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from ..internal import internal, never_count

P = ParamSpec("P")
T = TypeVar("T")

_EXTENDED = opmap["EXTENDED_ARG"]
_CACHE = opmap.get("CACHE", -1)
_COMPARE = opmap["COMPARE_OP"]
FOR_ITER = opmap["FOR_ITER"]
_STORE_ATTR = opmap["STORE_ATTR"]
_STORE_NAMES = frozenset(opmap[name] for name in ("STORE_ATTR", "STORE_GLOBAL", "STORE_NAME"))
_UNPACKS = frozenset(opmap[name] for name in ("UNPACK_SEQUENCE", "UNPACK_EX", "CACHE", "EXTENDED_ARG"))
"""What stands between two names that are set from one value: ``key, (time, item) = …``."""

_STORE_ITEM = opmap["STORE_SUBSCR"]
_STORE_AND_LOAD = opmap.get("STORE_FAST_LOAD_FAST", -1)
_ENDS = ("STORE_", "POP_", "FOR_ITER", "JUMP", "RETURN", "RESUME", "DELETE_", "SEND", "YIELD")
_BOUNDARIES = frozenset(op for op, name in enumerate(opname) if name.startswith(_ENDS))
"""What ends an expression: nothing before it is part of the comparison."""

_ATTRIBUTE_SHIFT = 1 if sys.version_info >= (3, 12) else 0  # from then on the lowest bit says whether a method is meant


_PARTS = frozenset(("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"))
_SLICES = frozenset(opmap[name] for name in ("BINARY_SLICE", "BUILD_SLICE") if name in opmap)
_ITEM = opmap.get("BINARY_SUBSCR", -1)
_BINARY, _IS_ITEM = opmap["BINARY_OP"], 26  # from 3.14 on this operation, with this argument, reads an item


_blocks: list[None] = []  # that are under way
_kept: list[dict[Hashable, tuple[CodeType, Any]]] = []
never_count(_blocks, _kept)

ADDERS = frozenset(("append", "appendleft", "add", "insert", "heappush", "setdefault", "update", "extend", "put"))
"""The methods that add to a container."""


@internal
class Comparison(NamedTuple):
    """One comparison with its two sides: all its names, its numbers and its texts (such as keys), and its place among
    the instructions. The names `inside` only lead to what is compared: it is an item of theirs, or they are its key."""

    names: frozenset[str]
    numbers: tuple[float, ...]
    texts: tuple[str, ...] = ()
    place: int = 0
    inside: frozenset[str] = frozenset()

    @property
    def meant(self) -> frozenset[str]:
        """The names without those `inside`: ``len(rows[n]) > most`` is about neither ``rows`` nor ``n``."""
        return self.names - self.inside

    def joined(self, other: Comparison) -> Comparison:
        """Both as one, at the place of this."""
        texts = self.texts + other.texts
        return Comparison(self.names | other.names, self.numbers + other.numbers, texts, self.place)


def parts_of(code: CodeType) -> Iterator[CodeType]:
    """*code*, and that of its comprehensions, which are functions of their own before 3.12."""
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType and constant.co_name in _PARTS:
            yield from parts_of(constant)


@contextmanager
def code_is_read_once() -> Iterator[None]:
    """Until the end of the block, what was read of code is kept: one verdict asks for the same code again and again."""
    _blocks.append(None)
    try:
        yield
    finally:
        _blocks.pop()
        for known in _kept if not _blocks else ():
            known.clear()


def once(read: Callable[Concatenate[CodeType, P], T]) -> Callable[Concatenate[CodeType, P], T]:
    """*read*, which is done once in such a block for each code, and whatever else it is asked with."""
    kept: dict[Hashable, tuple[CodeType, Any]] = {}  # with the code, whose address another could get
    never_count(kept)
    _kept.append(kept)

    @wraps(read)
    def ask(code: CodeType, /, *more: P.args, **named: P.kwargs) -> T:
        if not _blocks:
            return read(code, *more, **named)
        key = id(code), more, *named.items()
        known = kept.get(key)
        if known is None:
            found: Any = read(code, *more, **named)
            known = kept[key] = code, tuple(found) if isinstance(found, Iterator) else found
        return known[1]  # type: ignore[no-any-return]

    return ask


@once
def instructions(code: CodeType) -> Iterable[tuple[int, int]]:
    """The operations of *code* with their arguments, specialized ones under their general names."""
    codes = code.co_code
    pairs = zip(codes[::2], codes[1::2], strict=True)
    return _with_extended(pairs) if _EXTENDED in codes[::2] else pairs


def _with_extended(pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    above = 0
    for op, low in pairs:
        arg = above << 8 | low
        above = arg if op == _EXTENDED else 0
        yield op, arg


def name_of(code: CodeType, op: int, arg: int) -> str | None:
    """The global or attribute that an operation reads, if it reads one."""
    return next(iter(code.co_names[_NAMES[op](arg)]), None) if op in _NAMES else None


def reads_item(op: int, arg: int) -> bool:
    """Whether an operation reads an item of a container."""
    return op == _ITEM or (op == _BINARY and arg == _IS_ITEM)


def words_of(code: CodeType) -> tuple[str, ...]:
    """Every name that *code* uses: globals, attributes, and its variables."""
    return (*code.co_names, *variables_of(code))


def comparisons(code: CodeType) -> Iterator[Comparison]:
    """The comparisons of *code* by size or equality, without those of the functions inside it."""
    return (found for op, _, found in _expressions(code) if op == _COMPARE)


def slices(code: CodeType) -> Iterator[Comparison]:
    """What *code* slices, as ``rows[-1000:]``, each with its place."""
    return (found for op, _, found in _expressions(code) if op in _SLICES)


def statements(code: CodeType) -> Iterator[Comparison]:
    """All expressions of *code*, each up to where its value is used."""
    return (found for op, _, found in _expressions(code) if op not in _SLICES)


def ended_by(code: CodeType, operation: int) -> Iterator[tuple[Comparison, int]]:
    """The expressions of *code* whose value this operation uses, each with its argument."""
    return ((found, arg) for op, arg, found in _expressions(code) if op == operation)


def set_to(code: CodeType, name: str) -> Iterator[Comparison]:
    """The expressions that *code* stores under *name*, a variable or an attribute."""
    variables = variables_of(code)
    for op, arg, found in _expressions(code):
        if (op in _STORE_NAMES and code.co_names[arg] == name) or name in stored_variables(op, arg, variables):
            yield found


def stored(code: CodeType) -> Iterator[tuple[str | None, Comparison]]:
    """The expressions that *code* stores under the name of an attribute or a global, or as an item: with None."""
    for op, arg, found in _expressions(code):
        if op in _STORE_NAMES or op == _STORE_ITEM:
            yield (None if op == _STORE_ITEM else code.co_names[arg]), found


def adds(code: CodeType) -> Iterator[Comparison]:
    """The expressions of *code* that add something to a container which they name, or set an item of it."""
    for op, _, found in _expressions(code):
        if op == _STORE_ITEM or (op not in _SLICES and not ADDERS.isdisjoint(found.names)):
            yield found


def first_use(code: CodeType, names: frozenset[str], operations: Collection[int]) -> int | None:
    """The place of the first instruction that uses one of *names* or is one of *operations*; None without one."""
    for place, (op, arg) in enumerate(instructions(code)):
        if op in operations or (op in _NAMES and not names.isdisjoint(code.co_names[_NAMES[op](arg)])):
            return place
    return None


def stored_variables(op: int, arg: int, variables: Sequence[str]) -> list[str]:
    """Which of *variables* an operation sets."""
    return [variables[place] for place in _SETS[op](arg) if place < len(variables)] if op in _SETS else []


def loaded_variables(op: int, arg: int, variables: Sequence[str]) -> list[str]:
    """Which of *variables* an operation reads."""
    places = (arg & 15,) if op == _STORE_AND_LOAD else _VARIABLES[op](arg) if op in _VARIABLES else ()
    return [variables[place] for place in places if place < len(variables)]


def assigned(code: CodeType) -> dict[str, list[Comparison]]:
    """For each variable of *code* the expressions that are assigned to it."""
    variables, found = variables_of(code), dict[str, list[Comparison]]()
    for op, arg, expression in _expressions(code):
        for name in stored_variables(op, arg, variables):
            found.setdefault(name, []).append(expression)
    return found


@once
def _expressions(code: CodeType) -> Iterable[tuple[int, int, Comparison]]:
    """Each comparison, slice and end of an expression, with its argument and what stands before it. Each name has the
    height of the stack at its place: the container and the key of an item are highest."""
    variables, names, inside = variables_of(code), list[tuple[str, int]](), set[str]()
    constants, height = list[object](), 0
    for place, (op, arg) in enumerate(instructions(code)):
        if op == _COMPARE or op in _SLICES or op in _BOUNDARIES:
            yield op, arg, _comparison({word for word, _ in names}, inside, constants, place)
        if op == _CACHE:
            continue
        effect = stack_effect(op, arg if op >= HAVE_ARGUMENT else None, jump=False)
        height += effect
        if effect < 0:
            names = [(word, min(above, height)) for word, above in names]
        if op == _COMPARE or op in _BOUNDARIES:
            names, inside, constants = [], set(), []
        if op in _NAMES:
            names += [(word, height) for word in code.co_names[_NAMES[op](arg)]]
        elif op in _VARIABLES or op in _BOUNDARIES:
            loaded = loaded_variables(op, arg, variables)
            names += [(word, height - n) for n, word in enumerate(reversed(loaded))]
        elif op in _CONSTANTS:
            constant = _CONSTANTS[op](code, arg)
            constants += constant if type(constant) is tuple else [constant]
        elif reads_item(op, arg):
            inside.update(word for word, above in names if above >= height)
            names = [(word, above) for word, above in names if above < height]


def _comparison(names: set[str], inside: set[str], constants: Sequence[object], place: int) -> Comparison:
    numbers = tuple(it for it in constants if isinstance(it, int | float))
    texts = tuple(it for it in constants if type(it) is str)
    return Comparison(frozenset(names | inside), numbers, texts, place, frozenset(inside - names))


def results_of(code: CodeType, words: Collection[str]) -> set[str]:
    """The variables and attributes that *code* sets from an expression, or a loop over one, that names one of
    *words*."""
    variables, found, is_named, is_setting = variables_of(code), set[str](), False, False
    for op, arg in instructions(code):
        if op in _SETS and is_named:
            found.update(variables[place] for place in _SETS[op](arg) if place < len(variables))
        elif op == _STORE_ATTR and is_named:
            found.add(code.co_names[arg])
            is_named = False
        elif op == _COMPARE or (op in _BOUNDARIES and op != FOR_ITER) or (is_setting and op not in _UNPACKS):
            is_named = False
        names = code.co_names[_NAMES[op](arg)] if op in _NAMES else ()
        read = loaded_variables(op, arg, variables)
        is_named = is_named or any(name in words for name in (*names, *read))
        is_setting = op in _SETS or (is_setting and op in _UNPACKS)
    return found


def variables_of(code: CodeType) -> tuple[str, ...]:
    cells = (name for name in code.co_cellvars if name not in code.co_varnames)
    return (*code.co_varnames, *cells, *code.co_freevars)


def _of(*names: str) -> list[int]:
    return [opmap[name] for name in names if name in opmap]


def _whole(arg: int) -> slice:
    return slice(arg, arg + 1)


def _half(arg: int) -> slice:
    return slice(arg >> 1, (arg >> 1) + 1)


_NAMES: dict[int, Callable[[int], slice]] = {
    **dict.fromkeys(_of("LOAD_NAME", "LOAD_METHOD"), _whole),
    **dict.fromkeys(_of("LOAD_GLOBAL"), _half),
    **dict.fromkeys(_of("LOAD_ATTR"), _half if _ATTRIBUTE_SHIFT else _whole),
}
_VARIABLES: dict[int, Callable[[int], tuple[int, ...]]] = {
    **dict.fromkeys(_of("LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW", "LOAD_DEREF"), lambda arg: (arg,)),
    **dict.fromkeys(_of("LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"), lambda arg: (arg >> 4, arg & 15)),
}
_SETS: dict[int, Callable[[int], tuple[int, ...]]] = {
    **dict.fromkeys(_of("STORE_FAST", "STORE_DEREF"), lambda arg: (arg,)),
    **dict.fromkeys(_of("STORE_FAST_LOAD_FAST"), lambda arg: (arg >> 4,)),
    **dict.fromkeys(_of("STORE_FAST_STORE_FAST"), lambda arg: (arg >> 4, arg & 15)),
}
_CONSTANTS: dict[int, Callable[[CodeType, int], object]] = {
    **dict.fromkeys(_of("LOAD_CONST", "KW_NAMES"), lambda code, arg: code.co_consts[arg]),
    **dict.fromkeys(_of("LOAD_SMALL_INT"), lambda _, arg: arg),
}
