"""What does each operation of code work on? The names that lie on the stack before it. Nothing is run."""

from __future__ import annotations

import opcode
from collections.abc import Iterator
from opcode import EXTENDED_ARG, HAVE_ARGUMENT, hasjabs, hasjrel, opmap, stack_effect
from types import CodeType

from .comparisons import instructions, loaded_variables, name_of, reads_item, stored_variables, variables_of

EMPTY = "[]"  # on the stack: a list or a dict that was just made
KINDS = frozenset(("dict", "list", "set", "OrderedDict", "deque"))
_BUILDS = frozenset((opmap["BUILD_LIST"], opmap["BUILD_MAP"]))
_SPREADS = frozenset((opmap["SWAP"], opmap["UNPACK_SEQUENCE"]))
"""What leaves so many values as its argument says of which it is not known what they are."""

_JUMPS = frozenset((*hasjrel, *hasjabs))
_WITH_ARGUMENT = frozenset(getattr(opcode, "hasarg", range(HAVE_ARGUMENT, 256)))
_NEUTRAL = frozenset((0, EXTENDED_ARG, opmap["NOP"], opmap["RESUME"]))  # 0: room for a cache


def operations(
    code: CodeType, items: bool = False, variables: bool = False
) -> Iterator[tuple[int, int, str | None, list[str | None]]]:
    """Each operation with its argument, the name that it reads, and the stack before it: of names, where what is no
    global, no attribute, or not known is None. With *items* an item has the name of what it is in, and a variable the
    name of what was assigned to it; with *variables* its own."""
    stack: list[str | None] = []
    known, assigned = variables_of(code) if items else (), dict[str, str | None]()
    for op, arg in instructions(code):
        read = name_of(code, op, arg)
        yield op, arg, read, stack
        for name in stored_variables(op, arg, known):
            assigned[name] = at(stack, 1) if name not in assigned or assigned[name] == at(stack, 1) else None
        whole = at(stack, 2) if items and reads_item(op, arg) else read
        effect = _effect(op, arg)
        if effect is None:
            stack.clear()
            continue
        del stack[len(stack) + min(effect, 0) :]
        stack += [None] * effect
        if stack and op not in _NEUTRAL:
            stack[-1] = EMPTY if op in _BUILDS and arg == 0 else whole
        if op in _SPREADS:
            stack[-arg:] = [None] * min(arg, len(stack))
        loaded = [name if variables else assigned.get(name) for name in loaded_variables(op, arg, known)]
        if loaded and len(stack) >= len(loaded):
            stack[-len(loaded) :] = loaded


def at(stack: list[str | None], place: int) -> str | None:
    """What lies at *place* of the stack, from the top, 1 on; None where that is not known."""
    return stack[-place] if len(stack) >= place else None


def _effect(op: int, arg: int) -> int | None:
    """By how much the stack grows; None after a jump, or where that is not known."""
    if op in _JUMPS:
        return None
    try:
        return stack_effect(op, arg if op in _WITH_ARGUMENT else None)
    except ValueError:
        return None
