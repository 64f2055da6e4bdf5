"""What objects refer to: the package's one door to the collector's answer, as some questions kill a process.

* A dict whose keys are all str shows the collector its values alone (from 3.11 on): its keys are added here, and those
  of a frozendict (from 3.15 on).
* In CPython 3.12.0 to 3.12.5 the module _asyncio shows its freed objects to the collector, and asking what it refers
  to brings them back, to be freed twice (python/cpython#122695). There it is read by its namespace. It is known by a
  function of its own: the name and the type of a module can be changed.
"""

from __future__ import annotations

import builtins
import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from types import BuiltinFunctionType, CodeType, ModuleType
from typing import Any

from .. import name
from ..stopped import referents_of_each

if name == "native":
    from .. import _native

FrozenDict: Any = getattr(builtins, "frozendict", dict)
"""From 3.15 on a second kind of dict, no subclass of the first; before, dict itself."""

DICTS: Any = dict if FrozenDict is dict else (dict, FrozenDict)
"""For issubclass(): what a dict of either kind is made of."""

MODULES_MAY_RESURRECT = (3, 12) <= sys.version_info < (3, 12, 6)

_namespace: Any = vars(ModuleType)["__dict__"].__get__


def _shown_with_care(*objects: Any) -> list[Any]:
    asked = [obj for obj in objects if not _is_asyncio(obj)]
    found = gc.get_referents(*asked)
    if len(asked) < len(objects):
        found.extend(_namespace(obj) for obj in objects if _is_asyncio(obj))
    return found


def _is_asyncio(obj: Any) -> bool:
    if not issubclass(type(obj), ModuleType):
        return False
    namespace = _namespace(obj)
    function = namespace and namespace.get("_register_task")
    return type(function) is BuiltinFunctionType and function.__self__ is obj


shown_by: Callable[..., list[Any]] = _shown_with_care if MODULES_MAY_RESURRECT else gc.get_referents
"""What its arguments refer to, as their types tell the collector; nothing for objects that it cannot visit."""


def shown_by_each(objects: Sequence[Any]) -> Iterable[list[Any]]:
    """What each of *objects* shows, asked of all at once if each time stops all threads."""
    return referents_of_each(list(objects)) or map(shown_by, objects)


def _unread(_: Any) -> list[tuple[str, Any]]:
    return []


attributes_in: Callable[[Any], list[tuple[str, Any]]] = _native.attributes if name == "native" else _unread
"""The names and values that an instance without a dict keeps in itself; none where they cannot be read."""

READS_ATTRIBUTES = name == "native"
"""Whether they can: then what neither they nor a dict of the instance has is no attribute of it."""


CODE_PARTS = (
    "co_consts",
    "co_names",
    "co_exceptiontable",
    "co_filename",
    "co_name",
    "co_qualname",
    "co_linetable",
)
"""The attributes of a code object that are no copies made for whoever asks."""


def parts_of_code(code: CodeType) -> list[Any]:
    """What *code*, which shows the collector nothing, holds and Python can read without making it anew."""
    return [getattr(code, name) for name in CODE_PARTS]


def referents_of(objects: Sequence[Any]) -> list[Any]:
    """What *objects* refer to; a key of a dict may be in it twice."""
    found = shown_by(*objects)
    dicts = [obj for obj in objects if issubclass(type(obj), DICTS)]
    if dicts:
        found.extend(keys_of(dicts))
    return found


def keys_of(dicts: Sequence[Any]) -> list[Any]:
    """The keys of *dicts*, read by the builtin's own iterator; a dict that changes meanwhile is left out."""
    try:
        return list(chain.from_iterable(map(_keys, dicts)))
    except RuntimeError:  # a finalizer that ran in between has changed one of them
        return list(chain.from_iterable(keys_of([one]) for one in dicts)) if len(dicts) > 1 else []


def kind_of_dict(obj: Any) -> Any:
    """The builtin whose methods read *obj*, a dict of either kind."""
    return dict if issubclass(type(obj), dict) else FrozenDict


def _keys_of_either(obj: Any) -> Any:
    return kind_of_dict(obj).keys(obj)


_keys: Any = dict.keys if FrozenDict is dict else _keys_of_either
