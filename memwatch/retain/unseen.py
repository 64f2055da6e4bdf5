"""Containers of C code that show the collector none of what they hold: no walk meets their items.

They are looked for near the program's own modules. Only fields and methods in C are asked, that tell how many items
there are and may be.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, ModuleType, WrapperDescriptorType
from typing import Any, NamedTuple

from ..backend.type_labels import flags_of, mro_of, type_label
from ..internal import internal
from .bounds import bound_in_c
from .object_labels import length
from .references import OWN, contents, distance, is_frame, is_tracked, modules, namespace

_DEEP = 6  # references from a module, the dicts of instances among them
_WIDE = 200  # items of a container, which is looked into
_MOST = 5000  # objects
_HAS_GC = 1 << 14


@internal
class Unseen(NamedTuple):
    """One such container: its type, how many items it has and may have."""

    what: str
    used: int
    limit: int


def find_unseen() -> list[Unseen]:
    """Those with a bound of their own."""
    found = []
    for obj in _near():
        bound = bound_in_c(obj) if _hides(type(obj)) else None
        if bound is not None and 0 < bound.used <= bound.limit:
            found.append(Unseen(type_label(type(obj)), bound.used, bound.limit))
    return found


def _hides(kind: type) -> bool:
    """Whether *kind* is a container outside of Python's own whose objects the collector cannot visit."""
    if flags_of(kind) & _HAS_GC or "." not in type_label(kind):
        return False
    has = next((names["__len__"] for cls in mro_of(kind) if "__len__" in (names := namespace(cls))), None)
    return type(has) is WrapperDescriptorType


def _near() -> Iterator[Any]:
    """What lies near the program's own modules."""
    level = [namespace(module) for name, module in modules() if distance(name, module) <= OWN]
    seen = {id(it) for it in level}
    for _ in range(_DEEP):
        below = []
        for owner in level:
            for held in contents(owner):
                if id(held) not in seen and len(seen) < _MOST:
                    seen.add(id(held))
                    below.append(held)
        yield from below
        level = [it for it in below if _leads_on(it)]


def _leads_on(obj: Any) -> bool:
    if is_frame(obj) or issubclass(type(obj), (FunctionType, ModuleType, type)):
        return False
    return (is_tracked(obj) or type(obj) is dict) and (length(obj) or 0) <= _WIDE  # a dict of such alone is not tracked
