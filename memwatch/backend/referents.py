"""gc.get_referents(), without the one question that kills a process.

In CPython 3.12.0 to 3.12.5 the module _asyncio shows its freed objects to the collector, and asking what it refers to
brings them back, to be freed twice (python/cpython#122695). There its namespace is given instead.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

MODULES_MAY_RESURRECT = (3, 12) <= sys.version_info < (3, 12, 6)

_namespace: Any = vars(ModuleType)["__dict__"].__get__


def referents_of(objects: Sequence[Any]) -> list[Any]:
    """What *objects* refer to, one after the other, as their types tell the collector."""
    if not MODULES_MAY_RESURRECT:
        return gc.get_referents(*objects)
    asked = [obj for obj in objects if not _is_risky(obj)]
    if len(asked) == len(objects):
        return gc.get_referents(*asked)
    return [*gc.get_referents(*asked), *(_namespace(obj) for obj in objects if _is_risky(obj))]


def _is_risky(obj: Any) -> bool:
    return type(obj) is ModuleType and dict.get(_namespace(obj), "__name__") == "_asyncio"
