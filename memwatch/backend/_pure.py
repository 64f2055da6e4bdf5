"""The census in Python alone: gc.get_objects() and, for what the collector does not track, gc.get_referents().

The work runs in slices of 2000 objects, each a handful of calls into C, so that other threads run in between. An
object may therefore come or go while the walk is under way: it is then counted or not, and nothing worse. The walk
holds the tracked objects that it has not yet visited (a slice is let go as soon as it is done), keeps addresses, and
never materialises an instance's `__dict__`. A frozen object (gc.freeze) is found if it is reachable from the modules
or from a tracked object.
"""

from __future__ import annotations

import gc
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any

import objgraph

from .columns import sort_columns
from .guard import GaveUp, find_own, own, parts_of, quiet
from .kinds import KindTable, type_label
from .objects import Listing

_SLICE = 2000

GiveUp = Callable[[], bool] | None
Visit = Callable[[list[int], list[int], list[int]], None]


def list_objects(deep: bool, exclude: Sequence[object], give_up: GiveUp) -> Listing:
    """Each object with its type and size, as `backend.objects` says."""
    with quiet(), _Walk(exclude, give_up) as walk:
        addresses, kinds, sizes = walk.columns

        def visit(ids: list[int], places: list[int], sizes_of: list[int]) -> None:
            addresses.extend(ids)
            kinds.extend(places)
            sizes.extend(sizes_of)

        walk.run(deep, visit)
        columns = sort_columns(addresses, kinds, sizes, give_up)
        return Listing(tuple(walk.table.labels), *columns)


def count_objects(deep: bool, exclude: Sequence[object], give_up: GiveUp) -> Mapping[str, tuple[int, int]]:
    """By type label the number of objects and their bytes, as `backend.objects` says."""
    with quiet(), _Walk(exclude, give_up) as walk:
        return _count_reachable(walk) if deep else _count_tracked(walk)
