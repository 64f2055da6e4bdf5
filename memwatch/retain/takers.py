"""Which functions of a library take out of a container what its other functions have put there? Nothing is run.

They are what a program can call: methods of the class whose attribute the container is, or functions of the module
whose variable it is, without those that put something in as well. Where such a class is a part of another object on the
path, the methods of that one which call them are what users know.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Sequence
from types import CodeType, ModuleType
from typing import Any

from ..backend.type_labels import mro_of, type_label
from .functions import code_of, functions_of
from .object_labels import module_name
from .owners import attribute_on
from .path import RetainingPath
from .references import namespace
from .removal import puts_into, takes_from
from .steps import Root, Step

_WORD = re.compile("[A-Za-z][a-z]*")
_MOST = 3
_DEEP = 3  # calls from a public function down to the one that takes something out
_WORDS = frozenset(
    (
        *("remove", "delete", "del", "discard", "pop", "clear", "clean", "close", "cancel", "disconnect", "detach"),
        *("reset", "expire", "evict", "purge", "prune", "trim", "release", "stop", "drop", "expunge", "dispose"),
        *("forget", "export", "save", "drain", "shutdown", "abort", "finish", "free", "unregister", "unsubscribe"),
        *("unschedule", "unbind", "unwatch", "unload", "off"),
    )
)
"""What a function is called that a program may call to take something back: others do so beside what they are for."""

_ANYWHERE = frozenset(("close", "get", "reset", "stop", "cancel", "update", "remove", "pop", "clear", "discard"))
"""Names that many classes have: who calls one of them may mean another's."""

_Methods = dict[str, list[CodeType]]


def find_takers(path: RetainingPath) -> tuple[str, ...]:
    """Those that take out of the container at the end of *path*, which is a library's: at most three, written as a
    program calls them, ``"Machine.remove_model()"``."""
    place = attribute_on(path)
    if place is None:
        return ()
    holders: Sequence[Root | Step] = (path.root, *path.steps)
    attribute = path.steps[place].edge.name
    inner: set[str] = set()
    for holder in reversed(holders[: place + 1]):
        home = _home_of(holder)
        methods = _methods_of(home)
        if not inner:
            inner = {name for name, codes in methods.items() if _takes(codes, attribute)}
            found = _with_callers(methods, inner)
        else:
            found = _with_callers(methods, _calling(methods, inner - _ANYWHERE))
        public = [name for name in methods if name in found and _is_public(name, home)]
        if public:
            return tuple(f"{_name_of(home)}.{name}()" for name in public[:_MOST])
        inner |= found
        if not inner:
            return ()
    return ()


def _takes(codes: Sequence[CodeType], attribute: str) -> bool:
    return any(takes_from(it, attribute) for it in codes) and not any(puts_into(it, attribute) for it in codes)


def _with_callers(methods: _Methods, taking: set[str]) -> set[str]:
    """*taking*, and who calls one of them that has a name of its own."""
    found = set(taking)
    for _ in range(_DEEP):
        found |= _calling(methods, found - _ANYWHERE)
    return found


def _calling(methods: _Methods, names: Collection[str]) -> set[str]:
    return {name for name, codes in methods.items() if any(not set(names).isdisjoint(it.co_names) for it in codes)}


def _is_public(name: str, home: Any) -> bool:
    words = _WORD.findall(name)
    is_meant = bool(words) and words[0].lower() in _WORDS
    return is_meant and not name.startswith("_") and not _name_of(home).startswith("_")


def _name_of(home: Any) -> str:
    return module_name(home) if issubclass(type(home), ModuleType) else type_label(home).rpartition(".")[2]


def _methods_of(home: Any) -> _Methods:
    """The functions by name, of the class and its bases, or of a module."""
    found: _Methods = {}
    if issubclass(type(home), ModuleType):
        for code in functions_of(home, with_methods=False):
            found.setdefault(code.co_name, []).append(code)
    elif issubclass(type(home), type):
        for cls in mro_of(home):
            for name, code in code_of(cls):
                found.setdefault(name, []).append(code)
    return found


def _home_of(holder: Root | Step) -> Any:
    """The module or the class; None where it is not found."""
    if isinstance(holder, Root):
        module = sys.modules.get(holder.name)
        return module if module is None or issubclass(type(module), ModuleType) else type(module)
    return _class_called(holder.name if "type" in holder.kinds else holder.type)


def _class_called(label: str) -> Any:
    parts = label.split(".")
    for end in range(len(parts) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(parts[:end]))
        if found is not None:
            return _inside(found, parts[end:])
    return None


def _inside(found: Any, names: Sequence[str]) -> Any:
    for name in names:
        is_home = issubclass(type(found), (ModuleType, type))
        found = namespace(found).get(name) if is_home else None
    return found if issubclass(type(found), type) else None
