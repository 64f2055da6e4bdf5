"""The values of a diff: what a heap was, what it became, and what changed, type by type. Sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..backend.census.contract import Grown
from ..backend.type_labels import type_label
from ..errors import OptionError
from ..internal import internal
from ..notebook_display import Shown, table_html
from ..units import format_bytes, format_milliseconds, format_size
from .counts import Count, count_to_json, least
from .table import change_lines, change_table

_OUTSIDE = 1 << 20  # bytes: less than that is the allocators' own to and fro
_OUTSIDE_SHARE = 0.1  # of what the process grew by

__all__ = ["Change", "Diff", "Grown", "HeapState", "TypeChange"]


@internal
@dataclass(frozen=True, slots=True)
class HeapState:
    """One side of a diff: the number of objects, their shallow bytes, and when (seconds since the epoch).

    To look, the interpreter was held for `pause_seconds` at once, and by the collection before it for
    `collect_seconds`. `rss` is the resident memory of the whole process, 0 where it is not known.
    """

    nodes: int
    size_bytes: int
    time: float
    pause_seconds: float = 0.0
    collect_seconds: float = 0.0
    rss: int = 0

    @property
    def size(self) -> str:
        """The bytes as text, as in ``1.21 mb``."""
        return format_size(self.size_bytes)

    def to_dict(self) -> dict[str, Any]:
        """node-memwatch's keys, `pause_seconds`, `collect_seconds` and `rss`."""
        more = {"pause_seconds": self.pause_seconds, "collect_seconds": self.collect_seconds, "rss": self.rss}
        return {"nodes": self.nodes, "time": self.time, "size_bytes": self.size_bytes, "size": self.size, **more}


@internal
@dataclass(frozen=True, slots=True)
class TypeChange:
    """What happened to one type: `allocated` objects came, `freed` went.

    `size_bytes` is the net change: bytes that came, less bytes that went, plus every change of size in place.
    `grown` of those that stayed grew in place to 1 KiB or more, by `grown_bytes` together (what was below that before
    may be taken for empty).

    `exact` is True where it is known of each object which it is: a new one, or one of before. Where one is at the
    address of an old one of its type, it may be that one, or have taken its place, which CPython does readily: then
    `allocated` and `freed` are intervals (lo, hi), both of one width. `net` and `size_bytes` are right in any case.
    A row that a split has made counts what came and is still there; what went is in the row of the plain type.
    """

    what: str
    size_bytes: int
    allocated: Count
    freed: Count
    exact: bool
    grown: int = 0
    grown_bytes: int = 0

    @property
    def net(self) -> int:
        """How many objects more there are."""
        return least(self.allocated) - least(self.freed)

    @property
    def size(self) -> str:
        """The net bytes as text, as in ``-2.07 kb``."""
        return format_size(self.size_bytes)

    def to_dict(self) -> dict[str, Any]:
        """node-memwatch's keys, and `exact`; "+" and "-" are [lo, hi] where it is False."""
        return {
            "what": self.what,
            "size_bytes": self.size_bytes,
            "size": self.size,
            "+": count_to_json(self.allocated),
            "-": count_to_json(self.freed),
            "exact": self.exact,
        }


@internal
@dataclass(frozen=True, slots=True)
class Change:
    """The sums over all types, and `details`, a row for each type that changed, largest change of bytes first.

    `allocated_nodes` and `freed_nodes` are intervals (lo, hi) where any type's are. What is sure is the sum of the
    rows; what is possible counts also the types that have no row, for nothing is known to have happened to them.
    """

    size_bytes: int
    allocated_nodes: Count
    freed_nodes: Count
    details: tuple[TypeChange, ...]

    @property
    def net_nodes(self) -> int:
        """How many objects more there are."""
        return least(self.allocated_nodes) - least(self.freed_nodes)

    @property
    def size(self) -> str:
        """The net bytes as text."""
        return format_size(self.size_bytes)

    def to_dict(self) -> dict[str, Any]:
        """node-memwatch's keys; a count is [lo, hi] where it is an interval."""
        return {
            "size_bytes": self.size_bytes,
            "size": self.size,
            "freed_nodes": count_to_json(self.freed_nodes),
            "allocated_nodes": count_to_json(self.allocated_nodes),
            "details": [row.to_dict() for row in self.details],
        }


@internal
@dataclass(frozen=True, slots=True)
class Diff(Shown):
    """Two moments of a heap and what changed between them; `print(diff)` shows the table.

    `grown` has the objects that grew in place, most bytes first, 50 at most. The sums hold exactly:
    after - before is change in bytes, and allocated - freed in objects; the rows of `change.details` add up to it.
    `missing` says in words what was not done to keep within the pause budget.
    """

    before: HeapState
    after: HeapState
    change: Change
    grown: tuple[Grown, ...]
    missing: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """node-memwatch's keys (`before`, `after`, `change`), and `missing`."""
        change = self.change.to_dict()
        return {
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "change": change,
            "missing": list(self.missing),
        }

    def grew(self, what: str | type) -> int:
        """How many objects more there are of one type, 0 if no more than before::

            assert not heap_diff.diff.grew(app.User)

        *what* is the class, or its name as in the table, ``"app.User"``; a misspelt name is found nowhere. Raises
        OptionError where it is neither.
        """
        if not isinstance(what, str | type):
            raise OptionError(f"grew() takes a class or its name, as in 'app.User', not a {type(what).__name__}")
        label = type_label(what) if isinstance(what, type) else what
        return max(0, sum(row.net for row in self.change.details if row.what == label))

    def table(self, top: int = 20, min_bytes: int = 0) -> str:
        """The rows as text, at most *top* and none that changed by less than *min_bytes*; the rest in one line.

        Below it stand what the process took, the pauses, and what is missing. Raises OptionError where *top* or
        *min_bytes* is negative.
        """
        seconds = self.after.time - self.before.time
        return "\n".join([change_table(self.change.details, seconds, top, min_bytes), *self._notes()])

    def _notes(self) -> list[str]:
        return [*self._process(), *self._pauses(), *(f"missing: {line}" for line in self.missing)]

    def _process(self) -> list[str]:
        """What resident memory grew by, and how much of it lies outside the rows, buffers of libraries mostly; or how
        much more is in the rows, which was there already.
        """
        if not (self.before.rss and self.after.rss):
            return []
        grew = self.after.rss - self.before.rss
        outside = grew - self.change.size_bytes
        beside, taken = "", min(-outside, self.change.size_bytes)
        if outside >= max(_OUTSIDE, _OUTSIDE_SHARE * grew):
            beside = f", {format_bytes(outside)} of it outside the objects above"
        elif taken >= max(_OUTSIDE, _OUTSIDE_SHARE * self.change.size_bytes):
            beside = f"; {format_bytes(taken)} of the objects above took room that the process had free"
        return [f"process {format_bytes(grew, signed=True)} of resident memory{beside}"]

    def _pauses(self) -> list[str]:
        looks = (self.before, self.after)
        pause = max(look.pause_seconds for look in looks)
        collection = max(look.collect_seconds for look in looks)
        beside = f", longest collection before one {format_milliseconds(collection)}" if collection else ""
        return [f"two looks, longest pause {format_milliseconds(pause)}{beside}"] if pause else []

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        lines, footnote = change_lines(self.change.details, self.after.time - self.before.time)
        return table_html(lines, [*footnote, *self._notes()])
