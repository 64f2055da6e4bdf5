"""Keeps the latest records of a trace. It knows how many it has dropped, and how many bytes the kept ones take."""

from __future__ import annotations

from collections import deque

from ..backend.meters.meters import counted_bytes
from ..checks import check_whole
from ..internal import internal
from .records import Kind, Record

DEFAULT_CAPACITY = 20_000
"""Records; about 10 MB when the ring is full."""

_MOST = 10_000_000
_BLOCKS: dict[Kind, int] = {"mark": 7, "block-start": 5, "block-end": 12}
"""Blocks of Python's allocator that are there after a record of each kind and were not at its reading: itself and the
numbers that are its own; a block's start and end share some."""
_BLOCKS_OF_AGE = {True: -2, False: 1}
"""How many more these are if the reading is an older record's: an age, and in bytes three amounts less, as both share
them."""
_RECORD = Record.__basicsize__ + 16  # bytes, with what the collector puts before it
_NUMBER = 32  # bytes of the block of a float, or of an int


def check_capacity(capacity: int) -> int:
    """*capacity* itself. Raises OptionError if it is no whole number from 1 to ten million."""
    return check_whole("capacity", capacity, 1, _MOST, "records")


@internal
class Ring:
    """The last *capacity* records. It has no lock: a mark may come inside a signal handler or a collection.

    `own_bytes` is what the records add to `Reading.base` if the meters can be read. It grows until the ring is full.
    From then on a new record replaces an old one.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.own_bytes = 0
        self._records: deque[Record] = deque(maxlen=capacity)

    def append(self, record: Record) -> None:
        """Keep *record*. A full ring drops its oldest record."""
        if len(self._records) < self.capacity:
            more = _BLOCKS_OF_AGE[record.memory_unit == "B"] if record.age_seconds else 0
            numbers = _BLOCKS[record.kind] + more - 1
            self.own_bytes += counted_bytes(_RECORD + numbers * _NUMBER, numbers + 1)
        self._records.append(record)

    def records(self) -> tuple[Record, ...]:
        """The records that are kept, oldest first."""
        # A copy first, for it is made in one piece, while a tuple's making may run a collection that marks.
        return tuple(sorted(self._records.copy(), key=lambda record: record.number))

    def dropped(self) -> int:
        """How many records were dropped. Numbers count from 1 without a gap, so the highest is how many there were."""
        kept = self.records()
        return kept[-1].number - len(kept) if kept else 0
