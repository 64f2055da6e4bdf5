"""A census taken by a forked child, for heaps whose pause would hurt: the parent is held for the fork alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from time import perf_counter

from ..errors import UnsupportedError
from . import guard, name, reason

EXPECTED_PAUSE = 5e-9
"""Seconds for each object of the heap: the fork copies the tables of its pages."""

Rows = Iterable[tuple[str, int, int]]

_count: Callable[..., Rows] | None = (
    getattr(import_module("._native", __package__), "count_in_child", None) if name == "native" else None
)


def count_in_child(deep: bool) -> tuple[Mapping[str, tuple[int, int]], float]:
    """By type label the number of objects and their bytes; and for how many seconds the program was held, at most.

    Raises UnsupportedError where the platform or the backend cannot do it.
    """
    if not sys.platform.startswith("linux"):
        raise UnsupportedError(f"in_child=True needs Linux, and this is {sys.platform}")
    if _count is None:
        raise UnsupportedError(f"in_child=True needs a C extension that can do it; backend {name}: {reason}")
    begun = perf_counter()
    rows = _count(deep, guard._own_types, guard._PARTS, (guard._quiet, guard._walks), ())
    took = perf_counter() - begun
    totals: dict[str, tuple[int, int]] = {}
    for label, count, size in rows:
        count_before, size_before = totals.get(label, (0, 0))
        totals[label] = count_before + count, size_before + size
    return totals, took
