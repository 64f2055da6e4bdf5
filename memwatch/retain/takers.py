"""Which functions of a library take out of a container what its other functions have put there? Nothing is run.

They are what a program can call: methods of the class whose attribute the container is, or functions of the module
whose variable it is, without those that put something in as well. Where such a class is a part of another object on the
path, the methods of that one which call them are what users know. Where no code is seen to take anything out, names
tell: who calls ``watch()`` can call ``unwatch()``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from types import CodeType, ModuleType
from typing import Any

from ..backend.type_labels import mro_of, type_label
from .counterparts import counterparts
from .functions import code_of, functions_of
from .object_labels import module_name
from .owners import attribute_on
from .path import RetainingPath
from .references import LIBRARY, distance, modules, namespace
from .removal import changes_nothing, puts_into, takes_from
from .steps import EdgeKind, Root, Step

_WORD = re.compile("[A-Za-z][a-z]*")
_MOST = 3
_DEEP = 3  # calls from a public function down to the one that takes something out
_WORDS = frozenset(
    (
        *("remove", "delete", "del", "discard", "pop", "clear", "clean", "close", "cancel", "disconnect", "detach"),
        *("reset", "expire", "evict", "purge", "prune", "trim", "release", "stop", "drop", "expunge", "dispose"),
        *("forget", "export", "save", "drain", "shutdown", "abort", "finish", "free", "unregister", "unsubscribe"),
        *("unschedule", "unbind", "unwatch", "unload", "unobserve", "unlisten", "unmount", "uninstall", "unset", "off"),
    )
)
"""What a function is called that a program may call to take something back: others do so beside what they are for."""

_ANYWHERE = frozenset(("close", "get", "reset", "stop", "cancel", "update", "remove", "pop", "clear", "discard"))
"""Names that many classes have: who calls one of them may mean another's."""

_WHEN = frozenset(("on", "is", "was", "has", "at", "after", "before", "should", "auto", "no"))
"""Before one of `_WORDS`: a function of such a name is not for a program to call, or takes nothing back."""

_Methods = dict[str, list[CodeType]]


def find_takers(path: RetainingPath) -> tuple[str, ...]:
    """Those that take out of the container at the end of *path*, which is a library's: at most three, written as a
    program calls them, ``"Machine.remove_model()"``."""
    place = attribute_on(path)
    if place is None:
        return ()
    places: Sequence[Root | Step] = (path.root, *path.steps)
    names = [path.steps[place].edge.name, *_keys_below(path, place)]
    inner, *outer = [_home_of(it) for it in reversed(places[: place + 1])]
    methods = _methods_of(inner)
    seen = _taking({**_beside(inner), **methods}, names)
    return _callable(inner, outer, seen) or _callable(inner, outer, _undoing(methods, names))


def _callable(inner: Any, outer: Sequence[Any], taking: set[str]) -> tuple[str, ...]:
    """Those of *taking*, methods of *inner*, and of what calls them there or in one of *outer*, that users know."""
    for home in (inner, *outer):
        if not taking:
            break
        methods = _methods_of(home)
        called = taking if home is inner else _calling(methods, taking - _ANYWHERE)
        found = _with_callers(methods, called)
        public = [name for name in methods if name in found and _is_public(name, home)]
        public.sort(key=_ANYWHERE.__contains__)
        if public:
            return tuple(f"{_name_of(home)}.{name}()" for name in public[:_MOST])
        taking = taking | found
    return ()


def find_undoing(calls: Sequence[tuple[str, str]], file: str, container: str = "") -> str | None:
    """What undoes the first of *calls* that a function of the same class or module undoes, by its name:
    ``"Parameters.unwatch()"``. One that only reads the *container* of that name undoes nothing there.

    The calls are functions with their files; those of the package that has *file* go first, and of the standard library
    none else counts.
    """
    loaded = {namespace(module).get("__file__"): (name, module) for name, module in modules() if _has_file(module)}
    near = [it for it in calls if _package(loaded, it[1]) == _package(loaded, file)]
    far = [it for it in calls if it not in near and it[1] in loaded and distance(*loaded[it[1]]) == LIBRARY]
    for function, called in [it for it in (*near, *far) if it[1] in loaded]:
        *outer, name = function.split(".")
        home = _inside(loaded[called][1], outer) if outer else loaded[called][1]
        methods = _methods_of(home)
        known = (it for it in counterparts(name, methods) if not it.startswith("_"))
        undoing = next((it for it in known if not _only_read(methods[it], (container,))), None)
        if undoing is not None and not _name_of(home).startswith("_"):
            return f"{_name_of(home)}.{undoing}()"
    return None


def _has_file(module: Any) -> bool:
    return issubclass(type(module), ModuleType) and type(namespace(module).get("__file__")) is str


def _package(loaded: Mapping[str, tuple[str, Any]], file: str) -> str:
    return loaded[file][0].partition(".")[0] if file in loaded else ""


def _keys_below(path: RetainingPath, place: int) -> list[str]:
    """The keys on *path* that code may use as a name of what they lead to: ``self.users`` for ``all["users"]``."""
    keys = (step.edge.name for step in path.steps[place + 1 :] if step.edge.kind is EdgeKind.KEY)
    return [key.strip("'") for key in keys if key.startswith("'")]


def _taking(methods: _Methods, names: Collection[str]) -> set[str]:
    """Those that take something out, and put nothing in."""
    return {
        name
        for name, codes in methods.items()
        if any(takes_from(it, names) for it in codes) and not any(puts_into(it, names) for it in codes)
    }


def _undoing(methods: _Methods, names: Collection[str]) -> set[str]:
    """Those that undo, by their names, what puts something in; or the only one that undoes anything."""
    adding = [name for name, codes in methods.items() if any(puts_into(it, names) for it in codes)]
    pairs = {name: found for name in adding or methods if (found := counterparts(name, methods))}
    undoing = {it for found in pairs.values() for it in found if not _only_read(methods[it], names)}
    return undoing if adding or len(pairs) == 1 else set()


def _only_read(codes: Sequence[CodeType], names: Collection[str]) -> bool:
    """Whether *codes* look into the container of one of these *names*, and are seen to leave what is in it."""
    touching = [it for it in codes if not set(names).isdisjoint(it.co_names)]
    return bool(touching) and all(map(changes_nothing, touching))


def _beside(home: Any) -> _Methods:
    """The functions of the module that the class *home* is of: they may look after its objects."""
    module = sys.modules.get(type_label(home).rpartition(".")[0]) if issubclass(type(home), type) else None
    return _methods_of(module)


def _with_callers(methods: _Methods, taking: set[str]) -> set[str]:
    """*taking*, and who calls one of them that has a name of its own."""
    found = set(taking)
    for _ in range(_DEEP):
        found |= _calling(methods, found - _ANYWHERE)
    return found


def _calling(methods: _Methods, names: Collection[str]) -> set[str]:
    return {name for name, codes in methods.items() if any(not set(names).isdisjoint(it.co_names) for it in codes)}


def _is_public(name: str, home: Any) -> bool:
    words = [it.lower() for it in _WORD.findall(name)]
    is_meant = words[:1] and (words[0] in _WORDS or (len(words) == 2 and words[1] in _WORDS and words[0] not in _WHEN))
    return bool(is_meant) and not name.startswith("_") and not _name_of(home).startswith("_")


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
