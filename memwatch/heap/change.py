"""The values of a diff: what a heap was, what it became, and what changed, type by type. Sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..backend.guard import own
from ..units import format_size
from .table import change_table


@own
@dataclass(frozen=True, slots=True)
class HeapState:
    """One side of a diff: the number of objects, their shallow bytes, and when (seconds since the epoch)."""

    nodes: int
    size_bytes: int
    time: float

    @property
    def size(self) -> str:
        """The bytes as text, as in ``1.21 mb``."""
        return format_size(self.size_bytes)

    def to_dict(self) -> dict[str, Any]:
        """node-memwatch's keys."""
        return {"nodes": self.nodes, "time": self.time, "size_bytes": self.size_bytes, "size": self.size}


@own
@dataclass(frozen=True, slots=True)
class TypeChange:
    """What happened to one type: `allocated` objects came, `freed` went, `grown` of those that stayed got larger.

    `size_bytes` is the net change: bytes that came, less bytes that went, plus every change of size in place.
    `grown_bytes` is by how much the grown ones grew together.

    `exact` is True where no address holds an object of the type in both snapshots. Where one does, it is taken for
    the same object, yet it may have died and another of its type been put in its place, which CPython does readily:
    then `allocated` and `freed` are lower bounds, both short by the same number. `size_bytes` is right in either case.
    """

    what: str
    size_bytes: int
    allocated: int
    freed: int
    exact: bool
    grown: int = 0
    grown_bytes: int = 0

    @property
    def size(self) -> str:
        """The net bytes as text, as in ``-2.07 kb``."""
        return format_size(self.size_bytes)

    def to_dict(self) -> dict[str, Any]:
        """node-memwatch's keys, and `exact`."""
        return {
            "what": self.what,
            "size_bytes": self.size_bytes,
            "size": self.size,
            "+": self.allocated,
            "-": self.freed,
            "exact": self.exact,
        }


@own
@dataclass(frozen=True, slots=True)
class Grown:
    """One object that stayed at its address and grew. The address is no reference: the object may be gone by now."""

    what: str
    address: int
    before_bytes: int
    after_bytes: int


@own
@dataclass(frozen=True, slots=True)
class Change:
    """The sums of `details`, which holds a row for each type that changed, largest change of bytes first."""

    size_bytes: int
    allocated_nodes: int
    freed_nodes: int
    details: tuple[TypeChange, ...]

    @property
    def size(self) -> str:
        """The net bytes as text."""
        return format_size(self.size_bytes)

    def to_dict(self) -> dict[str, Any]:
        """node-memwatch's keys."""
        return {
            "size_bytes": self.size_bytes,
            "size": self.size,
            "freed_nodes": self.freed_nodes,
            "allocated_nodes": self.allocated_nodes,
            "details": [row.to_dict() for row in self.details],
        }


@own
@dataclass(frozen=True, slots=True)
class Diff:
    """Two moments of a heap and what changed between them; `print(diff)` shows the table.

    `grown` has the objects that grew in place, most bytes first, 50 at most. The sums hold exactly:
    after - before is change in bytes, and allocated - freed in objects; the rows of `change.details` add up to it.
    """

    before: HeapState
    after: HeapState
    change: Change
    grown: tuple[Grown, ...]

    def to_dict(self) -> dict[str, Any]:
        """node-memwatch's keys: `before`, `after`, `change`."""
        return {"before": self.before.to_dict(), "after": self.after.to_dict(), "change": self.change.to_dict()}

    def table(self, top: int = 20, min_bytes: int = 0) -> str:
        """The rows as text, at most *top* and none that changed by less than *min_bytes*; the rest in one line.

        Raises OptionError where *top* or *min_bytes* is negative.
        """
        seconds = self.after.time - self.before.time
        return change_table(self.change.details, seconds, top, min_bytes)

    def __str__(self) -> str:
        return self.table()
