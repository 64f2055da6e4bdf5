"""A census taken by a forked child, for heaps whose pause would hurt: the parent is held for the fork alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

from ...errors import UnsupportedError
from .. import name, reason

EXPECTED_PAUSE = 5e-9
"""Seconds for each object of the heap: the fork copies the tables of its pages."""

_count: Callable[..., tuple[Mapping[str, tuple[int, int]], float]] | None = (
    import_module(".exact", __package__).count_in_child if name == "native" else None
)


def count_in_child(deep: bool) -> tuple[Mapping[str, tuple[int, int]], float]:
    """By type label the number of objects and their bytes; and for how many seconds the program was held.

    Raises UnsupportedError where the platform or the backend cannot do it.
    """
    if not sys.platform.startswith("linux"):
        raise UnsupportedError(f"in_child=True needs Linux, and this is {sys.platform}")
    if _count is None:
        raise UnsupportedError(f"in_child=True needs a C extension that can do it; backend {name}: {reason}")
    return _count(deep, (), None)
