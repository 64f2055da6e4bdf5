"""What a mark leaves behind: a record of this process's memory at one moment, in the unit that was asked for."""

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
"""How many bytes each unit is."""


def factor_of(unit: str) -> int:
    """The bytes in one *unit*; raises OptionError, which lists the units, for one that does not exist."""
    if type(unit) is not str or unit not in UNITS:
        shown = repr(unit) if type(unit) is str else f"of type {type(unit).__qualname__}"
        raise OptionError(f"unknown unit {shown}; there are {', '.join(UNITS)}")
    return UNITS[unit]


@internal
@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """The memory of the whole process at one mark. Amounts are in `memory_unit`, not rounded; whole numbers in bytes.

    `heap_used` is what is in use: the C allocator's bytes and those of Python's own allocator (96 for each block, what
    it holds on average, where the C extension cannot read them), without the records that this trace keeps. `external`
    is the C allocator's part of it: objects above 512 bytes and what C libraries hold; None where it cannot be asked,
    and then `heap_used` is the same as `heap_total`. `heap_total` is what the process has taken for itself: resident
    memory that belongs to no file and to no other process (all of `rss` where the platform does not tell). What is in
    use and was never touched, or is swapped out, is not resident, so `heap_used` may be the larger one. `rss` is
    resident memory.

    `trace_datetime` is in milliseconds since the epoch; `trace_key` is the same for all that one process recorded since
    one `init`; `number` counts a trace's records from 1, also those that the ring has lost.

    `kind` is "mark", "block-start" or "block-end". `block` is the number of the block that starts or ends here,
    `parent` and `parent_block` are name and number of the block around the record, None where there is none; `depth`
    says in how many blocks it lies. `thread` and `task` are the names of the thread and of the asyncio task.

    At the end of a block `growth` is by how much `heap_used` rose since its start, `duration` how long it took in
    seconds, and `raised` the name of the exception's type if one ended it. `collect_seconds` is what the collection
    before the mark took, and `age_seconds` how old the amounts are: 0 unless the meters had to rest.
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
        """The record as JSON can hold it, keys in the order of the fields."""
        return {name: getattr(self, name) for name in FIELDS}


FIELDS = tuple(field.name for field in fields(Record))
"""The names of a record's fields in their order; the columns of the CSV file."""


def open_blocks(records: Iterable[Record]) -> tuple[Record, ...]:
    """The start records among *records* whose block has no end record among them."""
    started: dict[int | None, Record] = {}
    for record in sorted(records, key=lambda record: record.number):
        if record.kind == "block-start":
            started[record.block] = record
        elif record.kind == "block-end":
            started.pop(record.block, None)
    return tuple(started.values())
