"""Whether the program has code that takes things out of a container: by the names that its functions use.

Nothing is run. A function counts that uses the container's name and that of a method which removes, deletes an item,
or stores something else under the name; what it does to which object is not known, so this errs on the safe side.
"""

from __future__ import annotations

from collections.abc import Iterator
from opcode import opmap
from types import CodeType

from .comparisons import instructions, words_of
from .functions import functions_of
from .path import RetainingPath
from .references import OWN, distance, modules
from .steps import ATTRIBUTES, EdgeKind

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
_NAMED = ATTRIBUTES | {EdgeKind.LOCAL}


def find_remover(path: RetainingPath) -> str | None:
    """The first function that may take something out of the container which *path* leads to, or None.

    Looked through are the program's own modules, and those of the path's module and classes. Where no variable on the
    path has a name, nothing can be found, and the path's end is given.
    """
    named = [step.edge.name for step in path.steps if step.edge.kind in _NAMED]
    if not named:
        return path.lines[-1]
    for module, code in _functions(set(_modules_on(path))):
        names = words_of(code)
        if named[-1] in names and _removes(code, named[-1]):
            return f"{module}.{code.co_qualname}"
    return None


def _modules_on(path: RetainingPath) -> Iterator[str]:
    """What may be the name of a module, of the root's name and of those of the types and functions on *path*."""
    for name in (path.root.name, *(name for step in path.steps for name in (step.type, step.name))):
        parts = name.split(".")
        yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _removes(code: CodeType, name: str) -> bool:
    names, codes = code.co_names, code.co_code
    if not _REMOVERS.isdisjoint(names) or not _DELETES.isdisjoint(codes[::2]):
        return True
    if code.co_name in _MAKERS or _STORES.isdisjoint(codes[::2]):
        return False
    return any(op in _STORES and names[arg] == name for op, arg in instructions(code) if arg < len(names))


def _functions(names: set[str]) -> Iterator[tuple[str, CodeType]]:
    """All code of the functions and methods of the program's own modules, and of those called *names*."""
    seen: set[int] = set()
    for name, module in modules():
        if name in names or distance(name, module) <= OWN:
            for code in functions_of(module):
                if id(code) not in seen:
                    seen.add(id(code))
                    yield name, code
