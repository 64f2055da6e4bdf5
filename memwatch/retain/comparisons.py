"""What code compares: the names and numbers that stand in each of its comparisons. Nothing is run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from opcode import opmap, opname
from types import CodeType
from typing import NamedTuple

from ..internal import internal

_EXTENDED = opmap["EXTENDED_ARG"]
_COMPARE = opmap["COMPARE_OP"]
_FOR_ITER = opmap["FOR_ITER"]
_ENDS = ("STORE_", "POP_", "FOR_ITER", "JUMP", "RETURN", "RESUME", "DELETE_", "SEND", "YIELD")
_BOUNDARIES = frozenset(op for op, name in enumerate(opname) if name.startswith(_ENDS))
"""What ends an expression: nothing before it is part of the comparison."""

_ATTRIBUTE_SHIFT = 1 if sys.version_info >= (3, 12) else 0  # from then on the lowest bit says whether a method is meant


@internal
class Comparison(NamedTuple):
    """One comparison: all names and numbers on its two sides."""

    names: frozenset[str]
    numbers: tuple[float, ...]


def instructions(code: CodeType) -> Iterator[tuple[int, int]]:
    """The operations of *code* with their arguments, those that specialized ones stand for included."""
    codes, above = code.co_code, 0
    for op, low in zip(codes[::2], codes[1::2], strict=True):
        arg = above << 8 | low
        above = arg if op == _EXTENDED else 0
        yield op, arg


def name_of(code: CodeType, op: int, arg: int) -> str | None:
    """The global or attribute that an operation reads, if it reads one."""
    return next(iter(code.co_names[_NAMES[op](arg)]), None) if op in _NAMES else None


def words_of(code: CodeType) -> tuple[str, ...]:
    """Every name that *code* uses: of globals and attributes, and of its variables."""
    return (*code.co_names, *_variables(code))


def comparisons(code: CodeType) -> Iterator[Comparison]:
    """The comparisons of *code* by size or equality; without the functions inside it."""
    variables, names, numbers = _variables(code), list[str](), list[float]()
    for op, arg in instructions(code):
        if op == _COMPARE:
            yield Comparison(frozenset(names), tuple(numbers))
        if op == _COMPARE or op in _BOUNDARIES:
            names, numbers = [], []
        elif op in _NAMES:
            names += code.co_names[_NAMES[op](arg)]
        elif op in _VARIABLES:
            names += [variables[place] for place in _VARIABLES[op](arg) if place < len(variables)]
        elif op in _CONSTANTS:
            constant = _CONSTANTS[op](code, arg)
            numbers += [constant] if isinstance(constant, int | float) else []


def results_of(code: CodeType, words: Collection[str]) -> set[str]:
    """The variables that *code* sets by an expression, or by a loop over one, in which one of *words* is named."""
    variables, found, is_named, is_setting = _variables(code), set[str](), False, False
    for op, arg in instructions(code):
        if op in _SETS and is_named:
            found.update(variables[place] for place in _SETS[op](arg) if place < len(variables))
        elif op == _COMPARE or (op in _BOUNDARIES and op != _FOR_ITER) or is_setting:
            is_named = False
        names = code.co_names[_NAMES[op](arg)] if op in _NAMES else ()
        read = [variables[place] for place in _VARIABLES[op](arg) if place < len(variables)] if op in _VARIABLES else ()
        is_named = is_named or any(name in words for name in (*names, *read))
        is_setting = op in _SETS
    return found


def _variables(code: CodeType) -> tuple[str, ...]:
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
    **dict.fromkeys(_of("LOAD_CONST"), lambda code, arg: code.co_consts[arg]),
    **dict.fromkeys(_of("LOAD_SMALL_INT"), lambda _, arg: arg),
}
