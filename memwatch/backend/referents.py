"""What objects refer to: gc.get_referents(), without the one question that kills a process, and with what it hides.

* A dict whose keys are all str shows the collector its values alone (from 3.11 on): its keys are added here, and those
  of a frozendict (from 3.15 on).
* In CPython 3.12.0 to 3.12.5 the module _asyncio shows its freed objects to the collector, and asking what it refers
  to brings them back, to be freed twice (python/cpython#122695). There its namespace is given instead.
"""

from __future__ import annotations

import builtins
import gc
import sys
from collections.abc import Sequence
from itertools import chain
from types import ModuleType
from typing import Any

FrozenDict: Any = getattr(builtins, "frozendict", dict)
"""From 3.15 on a second kind of dict, no subclass of the first; before, dict itself."""

DICTS: Any = dict if FrozenDict is dict else (dict, FrozenDict)
"""For issubclass(): what a dict of either kind is made of."""

MODULES_MAY_RESURRECT = (3, 12) <= sys.version_info < (3, 12, 6)

_namespace: Any = vars(ModuleType)["__dict__"].__get__


def referents_of(objects: Sequence[Any]) -> list[Any]:
    """What *objects* refer to; a key of a dict may be in it twice."""
    found = _shown_by(objects)
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


def _shown_by(objects: Sequence[Any]) -> list[Any]:
    if not MODULES_MAY_RESURRECT:
        return gc.get_referents(*objects)
    asked = [obj for obj in objects if not _is_risky(obj)]
    if len(asked) == len(objects):
        return gc.get_referents(*asked)
    return [*gc.get_referents(*asked), *(_namespace(obj) for obj in objects if _is_risky(obj))]


def _is_risky(obj: Any) -> bool:
    return type(obj) is ModuleType and dict.get(_namespace(obj), "__name__") == "_asyncio"
