"""numpy's arrays, which show the collector neither their base nor the objects in them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from .. import name

if name == "native":
    from .. import _native

_tried: dict[int, bool] = {}
_names_of: Any = vars(ModuleType)["__dict__"].__get__
_class_names_of: Any = vars(type)["__dict__"].__get__


def array_type() -> type | None:
    """numpy's, if the program uses numpy."""
    numpy = sys.modules.get("numpy")
    found = _names_of(numpy).get("ndarray") if type(numpy) is ModuleType else None
    return found if type(found) is type else None


def tried_array_type() -> type | None:
    """The same, if the C extension can read what was put into such an array; tried once."""
    found = array_type()
    if found is None:
        return None
    if id(found) not in _tried:
        _tried[id(found)] = _shows_items(found)
    return found if _tried[id(found)] else None


def _shows_items(kind: type) -> bool:
    item: list[Any] = []
    made: Any = kind((2, 2), dtype=object)
    made[1, 0] = item
    view = made.T[0:1]
    return any(held is item for held in _native.untracked_referents(made, kind)) and any(
        held is made for held in _native.untracked_referents(view, kind)
    )


def array_contents(array: Any, kind: type) -> list[Any]:
    """What one array of the type *kind* holds: its base, and its items where they are objects. No code of the program
    is run."""
    fields = _class_names_of(kind)
    base = fields["base"].__get__(array)
    found = [] if base is None else [base]
    if fields["dtype"].__get__(array).hasobject:
        found.extend(fields["flat"].__get__(array))
    return found


def contents_of_arrays(objects: Iterable[Any]) -> list[Any]:
    """What those of *objects* hold that are arrays."""
    kind = array_type()
    if kind is None:
        return []
    return [held for obj in objects if issubclass(type(obj), kind) for held in array_contents(obj, kind)]
