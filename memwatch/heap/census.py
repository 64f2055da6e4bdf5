"""The census: how many objects of each type there are, and their bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..backend.census.chosen import count_objects, take_identity
from ..backend.census.contract import Cancelled
from ..internal import internal
from ..notebook_display import Shown, table_html
from .split import Split, check_split, split_totals
from .table import census_lines, census_table

__all__ = ["Cancelled", "Census", "TypeCount", "take_census"]


@internal
@dataclass(frozen=True, slots=True)
class TypeCount:
    """How many objects of one type, and their shallow bytes together."""

    what: str
    count: int
    size_bytes: int


@internal
@dataclass(frozen=True, slots=True)
class Census(Shown):
    """The types of a heap at `time` (seconds since the epoch), largest bytes first; `print(census)` shows the table."""

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

    def table(self, top: int = 20, min_bytes: int = 0) -> str:
        """The rows as text, at most *top* and none of less than *min_bytes*; the rest in one line, then the sums.

        Raises OptionError where *top* or *min_bytes* is negative.
        """
        return census_table(self.types, top, min_bytes)

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return table_html(census_lines(self.types))


def take_census(
    deep: bool = True, should_cancel: Callable[[], bool] | None = None, *, split: Split | None = None
) -> Census:
    """Count the heap by type::

        >>> from memwatch.heap import take_census
        >>> census = take_census()
        >>> census.counts()["module"] > 10
        True
        >>> print(census.table(top=3))  # doctest: +SKIP
        type                objects      size
        str                  26,102  3.21 MiB
        code                  7,403  2.74 MiB
        dict                  3,120  1.94 MiB
        402 other types      60,311  9.87 MiB
        total                96,936  17.8 MiB

    With *deep* off only objects that the collector tracks: neither str, bytes nor numbers. *split* divides the rows of
    builtin containers: "keys" those of dicts by what their keys are (``dict{id,name}``; only names from source code are
    shown), "owner" those of dict, list, set, frozenset and tuple by what refers to them (``dict of app.Session``,
    ``list in dict``). What is not known stays in the plain row. It takes seconds for a million objects.

    *should_cancel* is asked about every 2000 objects, or before and after a walk in C; `Cancelled` is raised once it
    answers True. Raises OptionError where *split* is none of these.
    """
    taken_at, by = time.time(), check_split(split)
    if by is None:
        counted = count_objects(deep, (), should_cancel)
    else:
        counted = split_totals(take_identity(deep, (), should_cancel), by, should_cancel)
    rows = (TypeCount(label, count, size_bytes) for label, (count, size_bytes) in counted.items())
    return Census(taken_at, deep, tuple(sorted(rows, key=lambda row: (-row.size_bytes, row.what))))
