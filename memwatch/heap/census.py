"""The census: how many objects of each type there are, and their bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..backend.contract import GaveUp
from ..backend.guard import own
from ..backend.objects import count_objects

__all__ = ["Census", "GaveUp", "TypeCount", "take_census"]


@own
@dataclass(frozen=True, slots=True)
class TypeCount:
    """How many objects of one type, and their shallow bytes together."""

    what: str
    count: int
    size_bytes: int


@own
@dataclass(frozen=True, slots=True)
class Census:
    """The types of a heap at `time` (seconds since the epoch), largest bytes first."""

    time: float
    deep: bool
    types: tuple[TypeCount, ...]

    @property
    def nodes(self) -> int:
        """The number of objects."""
        return sum(row.count for row in self.types)

    @property
    def size_bytes(self) -> int:
        """The shallow bytes of all objects."""
        return sum(row.size_bytes for row in self.types)

    def counts(self) -> Mapping[str, int]:
        """The number of objects by type label."""
        return {row.what: row.count for row in self.types}

    def to_dict(self) -> dict[str, Any]:
        """`time`, `deep`, `nodes`, `size_bytes`, and `types` as a list of what, count, size_bytes."""
        rows = [{"what": row.what, "count": row.count, "size_bytes": row.size_bytes} for row in self.types]
        head = {"time": self.time, "deep": self.deep, "nodes": self.nodes, "size_bytes": self.size_bytes}
        return {**head, "types": rows}


def take_census(deep: bool = True, give_up: Callable[[], bool] | None = None) -> Census:
    """Count the heap by type. With *deep* off only objects that the collector tracks: neither str, bytes nor numbers.

    *give_up* is asked about every 2000 objects; `GaveUp` is raised once it answers True.
    """
    taken_at = time.time()
    counted = count_objects(deep, (), give_up)
    rows = (TypeCount(label, count, size_bytes) for label, (count, size_bytes) in counted.items())
    return Census(taken_at, deep, tuple(sorted(rows, key=lambda row: (-row.size_bytes, row.what))))
