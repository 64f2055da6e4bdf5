"""Does the program have code that takes things out of a container? The names that its functions use show it. Nothing is
run.

A function counts if it uses the name of the container and that of a method that removes, deletes an item, or stores
something else under the name. What it takes from a global or attribute of another name does not count. It is not known
what other variables refer to, so in doubt a remover is assumed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from opcode import opmap
from types import CodeType

from .comparisons import instructions, words_of
from .emptying import calls, takes_out
from .functions import functions_of
from .operands import EMPTY, KINDS, at, operations
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
_PUTS = frozenset((opmap["STORE_SUBSCR"],))
_ADDERS = frozenset(("append", "appendleft", "add", "insert", "setdefault", "update", "extend", "put"))
_ATTRIBUTE = opmap["STORE_ATTR"]
_STORES = frozenset(opmap[name] for name in ("STORE_ATTR", "STORE_GLOBAL"))
_GLOBAL = opmap["LOAD_GLOBAL"]
_CALLS = frozenset(opmap[name] for name in ("CALL", "PRECALL", "CALL_KW", "CALL_FUNCTION_EX") if name in opmap)
_MAKERS = frozenset(("__init__", "__new__", "__post_init__", "__setstate__", "<module>"))
_NAMED = ATTRIBUTES | {EdgeKind.LOCAL}


def find_remover(path: RetainingPath) -> str | None:
    """The first function that may take something out of the container which *path* leads to, or None.

    The program's own modules are searched, and those of the module and classes on the path. If no variable on the path
    has a name, nothing can be found, and the end of the path is returned.
    """
    named = [step.edge.name for step in path.steps if step.edge.kind in _NAMED]
    if not named:
        return path.lines[-1]
    for module, code in own_functions(set(_modules_on(path))):
        names = words_of(code)
        if named[-1] in names and _removes(code, named[-1]):
            return f"{module}.{code.co_qualname}"
    return None


def is_taken_with(path: RetainingPath, other: RetainingPath) -> bool:
    """Whether code that takes something out of the container at the end of *other* takes it out of that of *path* too,
    or calls code that does. Whoever drops the oldest key of a list of keys also drops what the key stands for."""
    name, beside = _name_of(path), _name_of(other)
    if name is None or beside is None or name == beside:
        return False
    codes = [code for _, code in own_functions({*_modules_on(path), *_modules_on(other)})]
    removers = {code.co_name for code in codes if name in words_of(code) and _removes(code, name)} - _REMOVERS - _MAKERS
    taking = (code for code in codes if beside in words_of(code) and takes_out(code))
    return any((name in words_of(code) and _removes(code, name)) or calls(code, removers) for code in taking)


def _name_of(path: RetainingPath) -> str | None:
    return next((step.edge.name for step in reversed(path.steps) if step.edge.kind in _NAMED), None)


def _modules_on(path: RetainingPath) -> Iterator[str]:
    """What may be the name of a module, of the root's name and of those of the types and functions on *path*."""
    for name in (path.root.name, *(name for step in path.steps for name in (step.type, step.name))):
        parts = name.split(".")
        yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _removes(code: CodeType, name: str) -> bool:
    names, codes = code.co_names, code.co_code
    if not (_REMOVERS.isdisjoint(names) and _DELETES.isdisjoint(codes[::2])) and _takes_out(code, name):
        return True
    if code.co_name in _MAKERS or _STORES.isdisjoint(codes[::2]):
        return False
    return any(op in _STORES and names[arg] == name for op, arg in instructions(code) if arg < len(names))


def _takes_out(code: CodeType, name: str) -> bool:
    """Whether it takes something out of *name*, or of a variable that may be it."""
    seen = set[str]()
    for op, _, read, stack in operations(code):
        if op in _DELETES and at(stack, 2) in (None, name):
            return True
        if read in _REMOVERS:
            if op == _GLOBAL or at(stack, 1) in (None, name):
                return True
            seen.add(read)
    return not _REMOVERS.isdisjoint(set(code.co_names) - seen)


def takes_from(code: CodeType, names: Collection[str]) -> bool:
    """Whether it takes something out of an attribute or global of these *names*, or of an item of it, or puts an empty
    one there; not in doubt. The method may be that of the class: ``dict.pop(self.rows, key)``."""
    of_class = False
    for op, arg, read, stack in operations(code, items=True) if code.co_name not in _MAKERS else ():
        if (op in _DELETES and at(stack, 2) in names) or (read in _REMOVERS and at(stack, 1) in names):
            return True
        if op in _STORES and code.co_names[arg] in names and at(stack, 1 + (op == _ATTRIBUTE)) == EMPTY:
            return True
        if of_class and read in names:
            return True
        of_class = (of_class and op not in _CALLS) or (read in _REMOVERS and at(stack, 1) in KINDS)
    return False


def changes_nothing(code: CodeType) -> bool:
    """Whether it neither deletes, stores nor removes anything, whatever that is of."""
    changing = _DELETES | _PUTS | _STORES
    return _REMOVERS.isdisjoint(code.co_names) and not any(op in changing for op, _ in instructions(code))


def puts_into(code: CodeType, names: Collection[str]) -> bool:
    """Whether it puts something into an attribute or global of these *names*, or into an item of it; not in doubt."""
    return any(
        (op in _PUTS and at(stack, 2) in names) or (read in _ADDERS and at(stack, 1) in names)
        for op, _, read, stack in operations(code, items=True)
    )


def own_functions(names: set[str]) -> Iterator[tuple[str, CodeType]]:
    """All code of the functions and methods of the program's own modules, and of those called *names*."""
    seen: set[int] = set()
    for name, module in modules():
        if name in names or distance(name, module) <= OWN:
            for code in functions_of(module):
                if id(code) not in seen:
                    seen.add(id(code))
                    yield name, code
