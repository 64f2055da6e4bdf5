"""What libraries are known to keep, as data: references that are explored last, and modules that are not looked at.

A library that keeps objects on purpose is no leak of the program's, and would hide one: where an object is held in
another way as well, that way is shown first. Such a path is shown all the same, with the reason beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

from ..internal import internal
from ..kinds import Kinds
from .steps import ATTRIBUTES, Root, RootKind, Step

_namespace: Any = vars(ModuleType)["__dict__"].__get__


@internal
class Kept(NamedTuple):
    """A variable of a module that a library keeps objects in, and why."""

    module: str
    variable: str
    why: str


_DEBUGGER = "Python keeps the last uncaught error for debuggers, until the next one"
_SHELL = "an interactive shell keeps what it has shown"

KEPT: tuple[Kept, ...] = (
    Kept("sys", "last_exc", _DEBUGGER),
    Kept("sys", "last_value", _DEBUGGER),
    Kept("sys", "last_traceback", _DEBUGGER),
    Kept("builtins", "_", _SHELL),
    Kept("__main__", "Out", _SHELL),
    Kept("__main__", "_oh", _SHELL),
    Kept("__main__", "In", _SHELL),
    Kept("__main__", "_ih", _SHELL),
    Kept("gc", "garbage", "what the collector could not free, or keeps because of gc.DEBUG_SAVEALL"),
    Kept("re", "_cache", "the re module keeps compiled patterns, 512 at most"),
    Kept("re", "_cache2", "the re module keeps compiled patterns, 256 at most"),
    Kept("linecache", "cache", "linecache keeps the source files that tracebacks have shown"),
    Kept("tokenize", "_compile", "tokenize keeps compiled patterns"),
    Kept("typing", "_cleanups", "typing keeps the generic types that were subscripted, a bounded number"),
    Kept("warnings", "onceregistry", "warnings remembers what it has warned of"),
    Kept("sys", "path_importer_cache", "the import system remembers folders"),
    Kept("_strptime", "_regex_cache", "strptime keeps compiled formats, five at most"),
)

_PLAIN = Kinds(type(None), bool, int, float, str, bytes)

IGNORED = frozenset(("objgraph", "pympler", "guppy", "pydevd", "_pydevd_bundle", "debugpy", "memray"))
"""Tools that look at the heap themselves: what only their modules hold is theirs."""


@internal
class Reference(NamedTuple):
    """What a variable of `KEPT` holds in this process; *names* is the namespace of its module."""

    module: str
    variable: str
    names: dict[str, Any]
    value: Any


def late_references() -> list[Reference]:
    """The references to be explored last."""
    found = []
    for module, variable, _ in KEPT:
        names = _names_of(sys.modules.get(module))
        held = names.get(variable)
        if type(held) not in _PLAIN:
            found.append(Reference(module, variable, names, held))
    return found


def why_known(root: Root, steps: Sequence[Step]) -> str | None:
    """Why a library keeps what is at the end of the path of *steps*; None if none is known to."""
    if not steps or root.kind is not RootKind.MODULE or steps[0].edge.kind not in ATTRIBUTES:
        return None
    variable = steps[0].edge.name
    return next((kept.why for kept in KEPT if kept.module == root.name and kept.variable == variable), None)


def ignored_modules() -> list[Any]:
    """The loaded modules of `IGNORED`, with those inside of them."""
    return [module for name, module in list(sys.modules.items()) if _is_ignored(name) and type(module) is ModuleType]


def _is_ignored(name: object) -> bool:
    return type(name) is str and name.partition(".")[0] in IGNORED


def _names_of(module: Any) -> dict[str, Any]:
    names: dict[str, Any] = _namespace(module) if type(module) is ModuleType else {}
    return names
