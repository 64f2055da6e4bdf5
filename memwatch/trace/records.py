"""The record of a mark: the memory of this process at one moment, in the unit that was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal

from ..errors import OptionError
from ..internal import internal

Kind = Literal["mark", "block-start", "block-end"]
Amount = int | float

UNITS = {
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}
"""The bytes of each unit."""


def factor_of(unit: str) -> int:
    """The bytes of one *unit*. Raises OptionError, which lists the units, if there is no such unit."""
    if type(unit) is not str or unit not in UNITS:
        shown = repr(unit) if type(unit) is str else f"of type {type(unit).__qualname__}"
        raise OptionError(f"unknown unit {shown}; there are {', '.join(UNITS)}")
    return UNITS[unit]


@internal
@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """The memory of the whole process at one mark. Amounts are in `memory_unit`, not rounded; in bytes they are ints.

    heap_used       the bytes in use: those of the C allocator and of Python's own allocator, without the records of
                    this trace. If the C extension cannot read Python's allocator, 96 bytes count for each block, which
                    is the average.
    external        the C allocator's part of it: objects above 512 bytes, and the memory of C libraries. None if that
                    allocator cannot be asked; `heap_used` is then the same as `heap_total`.
    heap_total      resident memory that belongs to no file and to no other process (all of `rss` if the platform does
                    not say). Memory in use that was never touched or is swapped out is not resident, so `heap_used` may
                    be larger.
    rss             resident memory.
    trace_datetime  milliseconds since the epoch.
    trace_key       the same for all records of one process since one `init`.
    number          counts the records of a trace from 1, with those that the ring has dropped.
    kind            "mark", "block-start" or "block-end".
    block           the number of the block that starts or ends here.
    parent          the name of the block around the record, and `parent_block` its number; None if there is none.
    depth           in how many blocks the record lies.
    thread          the name of the thread, and `task` that of the asyncio task.
    growth          at the end of a block: by how much `heap_used` rose since its start.
    duration        at the end of a block: how many seconds it took.
    raised          at the end of a block: the type name of the exception that ended it, if one did.
    collect_seconds how long the collection before the mark took.
    age_seconds     how old the amounts are. 0 unless the meters had to rest.
    """

    record_name: str
    memory_unit: str
    heap_total: Amount
    heap_used: Amount
    external: Amount | None
    rss: Amount
    trace_datetime: int
    trace_key: str
    number: int
    kind: Kind
    parent: str | None
    parent_block: int | None
    depth: int
    thread: str
    task: str | None
    collect_seconds: float | None
    age_seconds: float
    block: int | None = None
    growth: Amount | None = None
    duration: float | None = None
    raised: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The record as values for JSON, in the order of the fields."""
        return {name: getattr(self, name) for name in FIELDS}


FIELDS = tuple(field.name for field in fields(Record))
"""The names of the fields in their order. They are the columns of the CSV file."""


def open_blocks(records: Iterable[Record]) -> tuple[Record, ...]:
    """The start records whose blocks have no end record among *records*."""
    started: dict[int | None, Record] = {}
    for record in sorted(records, key=lambda record: record.number):
        if record.kind == "block-start":
            started[record.block] = record
        elif record.kind == "block-end":
            started.pop(record.block, None)
    return tuple(started.values())
