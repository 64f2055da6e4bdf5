"""Where the walk starts beside the objects that the collector lists: what gc.freeze() has taken off that list."""

from __future__ import annotations

import sys
from typing import Any
from weakref import getweakrefs

from ..type_labels import namespace_of
from .referents import shown_by


def roots() -> list[object]:
    """Objects from which nearly everything frozen is reachable: the modules, and every class with what hangs on it.

    A class written in C is not followed by the collector, so its namespace and the weak references by which its
    bases know it are given here.
    """
    found: list[object] = [sys.modules]
    stack: list[type] = [object]
    seen: set[int] = set()
    namespaces: list[object] = []
    while stack:
        cls = stack.pop()
        if id(cls) not in seen:
            seen.add(id(cls))
            found += [cls, *getweakrefs(cls)]
            namespaces.append(namespace_of(cls))
            stack += _subclasses(cls)
    return found + shown_by(*namespaces)  # at once: without a GIL each time stops all threads


def _subclasses(cls: Any) -> list[type]:
    return type.__subclasses__(cls)
