"""Whether the program has code that takes things out of a container: by the names that its functions use.

Nothing is run. A function counts that uses the container's name and that of a method which removes, deletes an item,
or stores something else under the name; what it does to which object is not known, so this errs on the safe side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from opcode import opmap
from types import CodeType

from .functions import functions_of
from .references import distance, modules

_REMOVERS = frozenset(
    (
        "cache_clear",
        "pop",
        "popitem",
        "popleft",
        "clear",
        "remove",
        "discard",
        "expire",
        "evict",
        "prune",
        "purge",
        "trim",
        "flush",
    )
)
_DELETES = frozenset((opmap["DELETE_SUBSCR"],))
_STORES = frozenset(opmap[name] for name in ("STORE_ATTR", "STORE_GLOBAL"))
_MAKERS = frozenset(("__init__", "__new__", "__post_init__", "__setstate__", "<module>"))
_EXTENDED = opmap["EXTENDED_ARG"]
_NAME = re.compile(r"(?:\.|local )(\w+)")
_CLASS = re.compile(r"[\w.]+")
_OWN = 1  # the distance of the program's own modules


def find_remover(steps: Sequence[str]) -> str | None:
    """The first function that may take something out of the container which the path *steps* leads to, or None.

    Looked through are the program's own modules, and those of the path's module and classes. Where no variable on the
    path has a name, nothing can be found, and the path's end is given.
    """
    named = [found.group(1) for step in steps if (found := _NAME.match(step))]
    if not named:
        return steps[-1]
    words = {word for step in steps for word in _CLASS.findall(step)}
    for module, code in _functions({word.rpartition(".")[0] for word in words} | words):
        names = (*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars)
        if named[-1] in names and _removes(code, named[-1]):
            return f"{module}.{code.co_qualname}"
    return None


def _removes(code: CodeType, name: str) -> bool:
    names, codes = code.co_names, code.co_code
    if not _REMOVERS.isdisjoint(names) or not _DELETES.isdisjoint(codes[::2]):
        return True
    if code.co_name in _MAKERS or _STORES.isdisjoint(codes[::2]):
        return False
    return any(op in _STORES and names[arg] == name for op, arg in _instructions(codes) if arg < len(names))


def _instructions(codes: bytes) -> Iterator[tuple[int, int]]:
    above = 0
    for op, low in zip(codes[::2], codes[1::2], strict=True):
        arg = above << 8 | low
        above = arg if op == _EXTENDED else 0
        yield op, arg


def _functions(names: set[str]) -> Iterator[tuple[str, CodeType]]:
    """All code of the functions and methods of the program's own modules, and of those called *names*."""
    seen: set[int] = set()
    for name, module in modules():
        if name in names or distance(name, module) <= _OWN:
            for code in functions_of(module):
                if id(code) not in seen:
                    seen.add(id(code))
                    yield name, code
