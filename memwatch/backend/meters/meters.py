"""The cheap meters: Python's blocks, the C allocator, and resident memory.

Each meter times itself and is read for at most a thousandth of the time: counting blocks walks every arena, and
`heap_info` stops malloc for all threads, which takes milliseconds on a large fragmented heap. In between, the last
value stands; for ever, if a reading took a tenth of a second. If a count stops all threads, each of them is stopped for
a thirtieth of the time at most, on average. How long they wait for the last one depends on what else uses the
processors.
"""

from __future__ import annotations

import _tracemalloc
import sys
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from ...clock import Clock
from ...internal import internal
from .. import name
from .allocator import COUNTS_BLOCKS, COUNTS_STOPPED
from .malloc import LEAST, malloc_bytes
from .resident import Resident

Blocks = tuple[int, int | None]
"""How many blocks Python has, and the bytes of those in arenas; None where the arenas do not tell."""

if COUNTS_STOPPED:
    from .._native import count_stopped

    def count_blocks() -> Blocks:
        """Python's blocks; every thread stops meanwhile."""
        return count_stopped()[:2]
elif name == "native":
    from .._native import count_blocks as count_blocks
else:

    def count_blocks() -> Blocks:
        """Python's blocks, none where they are not to be counted; what they hold is not known."""
        return sys.getallocatedblocks() if COUNTS_BLOCKS else 0, None


if name == "native":
    from .._native import may_count_blocks as _can_be_looked_into
else:

    def _can_be_looked_into() -> bool:
        """Whether arenas stay as they are: from 3.14 on not beside an interpreter with a GIL of its own, which may be
        giving them back. The C extension knows of those that C code has made, too.
        """
        is_asked = sys.version_info >= (3, 14) and not COUNTS_STOPPED
        interpreters = sys.modules.get("_interpreters") if is_asked else None
        return interpreters is None or len(interpreters.list_all()) == 1


def may_count_blocks() -> bool:
    """Whether Python's blocks can be counted, those of all threads, without harm."""
    return COUNTS_BLOCKS and _can_be_looked_into()


BYTES_PER_BLOCK = 96
"""What a block of Python's allocator holds on average, in bare, stdlib and web processes of every supported version:
where the arenas do not tell."""

EXACT = count_blocks()[1] is not None
"""Whether `Reading.base` counts the bytes of every block as they are; else each is taken for `BYTES_PER_BLOCK`."""

TRACING_FACTOR = 2
"""What tracemalloc's tables need of malloc, by what it says itself: that counts neither their rows nor malloc's own
share. Measured 2.0 for 10 thousand to 2 million blocks, on every supported version."""

CHEAP = 0.0002
"""Seconds of processor time that a count of blocks inside a collection may take."""

_SHARE = 1000  # a meter rests a thousand times as long as its reading took
_SHARE_STOPPED = 30  # if that stops all threads
_TOO_LONG = 0.1  # seconds: a meter that holds everything up for so long is not asked again by itself

T = TypeVar("T")


@internal
class Meter(Generic[T]):
    """A reading function, its last value and what a reading costs in seconds of this thread's processor time."""

    __slots__ = ("_due", "_now", "_read", "_spent", "cost", "value")

    def __init__(
        self,
        read: Callable[[], T],
        unread: T,
        now: Callable[[], float] = Clock.monotonic,
        spent: Callable[[], float] = Clock.thread_time,
    ) -> None:
        self._read, self._now, self._spent = read, now, spent
        self._due = 0.0
        self.cost = 0.0
        self.value = unread

    def get(self, force: bool = False) -> T:
        """The value, read afresh if the meter has rested long enough or *force* is given."""
        now = self._now()
        if force or now >= self._due:
            begun = self._spent()
            value = self._read()
            self.note(value, max(0.0, self._spent() - begun))
        return self.value

    def note(self, value: T, cost: float) -> None:
        """Take a reading that was made elsewhere and took *cost* seconds."""
        self.value, self.cost = value, cost
        self._due = self._now() + cost * _SHARE if cost <= _TOO_LONG else float("inf")


@internal
class StoppingMeter(Meter[Blocks]):
    """The count of blocks that stops all threads. Its `cost` is for how long they stood, as *read* says beside it; and
    never too long: others may be slow.
    """

    __slots__ = ("_stop",)

    def __init__(self, read: Callable[[], tuple[int, int, float]], now: Callable[[], float] = Clock.monotonic) -> None:
        super().__init__(lambda: (0, 0), (0, 0), now)
        self._stop = read

    def get(self, force: bool = False) -> Blocks:
        """As `Meter.get`."""
        if force or self._now() >= self._due:
            blocks, size, stood = self._stop()
            self.note((blocks, size), stood)
        return self.value

    def note(self, value: Blocks, cost: float) -> None:
        self.value, self.cost = value, cost
        self._due = self._now() + cost * _SHARE_STOPPED


@internal
class Reading(NamedTuple):
    """What the meters say: bytes, except `blocks` (a count). `small` are those of Python's small blocks, `native` what
    malloc has given out, None where it cannot be asked.

    `anonymous` is what of `rss` belongs to no file and to no other process; all of it where the platform does not tell.
    """

    base: int
    rss: int
    blocks: int
    small: int
    native: int | None
    anonymous: int


@internal
class Meters:
    """The meters of this process. `names` says what `base` is made of."""

    def __init__(self) -> None:
        self._blocks: Meter[Blocks]
        self._blocks = StoppingMeter(count_stopped) if COUNTS_STOPPED else Meter(count_blocks, (0, 0))
        self._block_bytes = float(BYTES_PER_BLOCK)  # of a block, where only their number is known
        self._native = Meter(_program_bytes, 0) if _native_is_readable() else None
        self._resident = Resident()  # no method of this object: meters go when their watcher does, uncollected
        self._rss = Meter(self._resident, 0)
        self._beyond = 0  # by how much `base` was more than anonymous memory when blocks were last counted

    @property
    def names(self) -> tuple[str, ...]:
        """The meters behind `base`, then the one behind `rss`; what cannot be read is not among them."""
        if not self._native:
            return ("anonymous rss", "rss") if self._resident.readable else ()
        base = ("arenas" if EXACT else "blocks", "native")
        return (*base, "rss") if self._resident.readable else base

    @property
    def blocks_cost(self) -> float:
        """Seconds that the last count of Python's blocks took."""
        return self._blocks.cost

    def note_blocks(self, blocks: Blocks, cost: float) -> None:
        """Take a count that the collector's callback has made."""
        self._blocks.note(blocks, cost)

    def read(self, force: bool = False, counted: Blocks | None = None) -> Reading:
        """One reading; *force* reads every meter now, *counted* was counted a moment ago and goes in its place.

        While blocks must not be counted, `base` moves as anonymous memory does. While no descriptor is left to read
        resident memory from, its last value stands; OSError is raised where nothing else can be read.
        """
        counts = may_count_blocks()
        if counted is None:
            counted = self._blocks.get(force) if counts else self._blocks.value
        blocks, small = counted[0], self._bytes_of(*counted)
        native = self._native.get(force) if self._native else None
        rss = self._read_rss(force)
        anonymous = rss - self._resident.shared
        base = anonymous if native is None else native + small
        if counts:
            self._beyond = base - anonymous
        else:
            base = max(0, anonymous + self._beyond)
        return Reading(base, rss, blocks, small, native, anonymous)

    def _bytes_of(self, blocks: int, small: int | None) -> int:
        """The bytes of small blocks; where they cannot be read any more, each has as many as the last time."""
        if small is None:
            return round(self._block_bytes * blocks)
        if blocks:
            self._block_bytes = small / blocks
        return small

    def _read_rss(self, force: bool) -> int:
        try:
            return self._rss.get(force)
        except OSError:
            if self._native is None:
                raise
            return self._rss.value

    @property
    def longest(self) -> float:
        """Seconds of the costliest meter's last reading."""
        return max(self._blocks.cost, self._rss.cost, self._native.cost if self._native else 0.0)


def expected_objects() -> int:
    """About how many objects the heap has, at most: Python's blocks, or what `expected_in` says."""
    blocks = count_blocks()[0] if may_count_blocks() else 0
    return blocks or expected_in(Meters().read(force=True).base)


def expected_in(base: int) -> int:
    """About how many objects there are, at most, in *base* bytes, where Python's blocks are not counted.

    Where another allocator than Python's own is in use (PYTHONMALLOC=malloc, mimalloc), every byte may be Python's.
    """
    return base // BYTES_PER_BLOCK


def counted_bytes(size_bytes: int, objects: int) -> int:
    """What so many *objects* of *size_bytes* together account for in `Reading.base`."""
    return size_bytes if EXACT else max(size_bytes, BYTES_PER_BLOCK * objects)


def _program_bytes() -> int:
    """What malloc holds without the tables of tracemalloc, which grow with every block of the program."""
    tables = TRACING_FACTOR * _tracemalloc.get_tracemalloc_memory() if _tracemalloc.is_tracing() else 0
    return max(0, _native_bytes() - tables)


def _native_bytes() -> int:
    return malloc_bytes() or 0


def _native_is_readable() -> bool:
    """False without malloc statistics, behind a preloaded allocator that has none, and with mimalloc, whose blocks
    nobody counts."""
    return COUNTS_BLOCKS and _native_bytes() >= LEAST
