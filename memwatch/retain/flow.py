"""Where can code come to, from a place on? As far as its jumps lead. Nothing is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from opcode import hasjrel, opmap, opname
from types import CodeType

from .comparisons import instructions

_BACK = frozenset(op for op, name in enumerate(opname) if "BACKWARD" in name)
_JUMPS, _CACHE = frozenset(hasjrel), opmap["CACHE"]
_LEAVING = ("RETURN_", "RAISE_", "RERAISE", "JUMP_")
_GOES_ON = ("_IF_", "GENERATOR")
_ENDS = frozenset(op for op, it in enumerate(opname) if it.startswith(_LEAVING) and not any(n in it for n in _GOES_ON))
"""What the next operation does not follow."""

UNDECIDED: Mapping[int, bool] = {}


def reached(code: CodeType, begin: int = 0, decided: Mapping[int, bool] = UNDECIDED) -> set[int]:
    """The places of the instructions of *code* that may be run from *begin* on. *decided* tells of jumps, by their
    places, whether they are taken."""
    found, seen, waiting = list(instructions(code)), set[int](), [begin]
    handlers = list(_handlers(code))
    while waiting:
        place = waiting.pop()
        if place >= len(found) or place in seen:
            continue
        seen.add(place)
        op, arg = found[place]
        is_taken = decided.get(place)
        if op in _JUMPS and is_taken is not False:
            after = next(n for n in range(place + 1, len(found) + 1) if n == len(found) or found[n][0] != _CACHE)
            waiting.append(after - arg if op in _BACK else after + arg)
        if op not in _ENDS and is_taken is not True:
            waiting.append(place + 1)
        waiting += [handler for start, end, handler in handlers if start <= place < end]
    return seen


def _handlers(code: CodeType) -> Iterator[tuple[int, int, int]]:
    """Where an exception leads to from the places from a first one up to another, by
    Objects/exception_handling_notes.txt: groups of four numbers, of six bits a byte."""
    numbers, value = list[int](), 0
    for byte in code.co_exceptiontable:
        value = value << 6 | byte & 63
        if not byte & 64:
            numbers.append(value)
            value = 0
    for start, length, handler in zip(numbers[::4], numbers[1::4], numbers[2::4], strict=True):
        yield start, start + length, handler
