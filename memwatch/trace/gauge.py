"""Reads the memory for marks. Readings are fresh while they are cheap or rare, so that many marks stay cheap too.

To ask Python's allocator takes longer the larger the heap is (0.15 ms at 1 GB). To ask the C allocator of a fragmented
heap takes ten milliseconds, in which nobody can call malloc. So readings that cost more than `CHEAP` are limited: the
first `BURST` seconds of them are free, and after that they take a `_SHARE`th of the time. In between, the last reading
is used again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from ..backend.meters.meters import Meters, Reading
from ..internal import internal

CHEAP = 30e-6
BURST = 0.01
_SHARE = 20


class Source(Protocol):
    """The part of `backend.meters.Meters` that is used here."""

    @property
    def longest(self) -> float: ...

    def read(self, force: bool = False) -> Reading: ...


@internal
class Gauge:
    """Reads *source*, by default this process's meters, for marks."""

    def __init__(self, source: Source | None = None, now: Callable[[], float] = time.perf_counter) -> None:
        self._source = Meters() if source is None else source
        self._now = now
        self._due = 0.0
        self._last: tuple[Reading, float] | None = None

    def read(self, force: bool = False) -> tuple[Reading, float]:
        """A reading and its age in seconds. It is fresh, with age 0, with *force* or if the limit allows it."""
        now, last = self._now(), self._last
        if last is not None and now < self._due and not force:
            return last[0], now - last[1]
        reading = self._source.read(force=True)
        self._last = reading, now
        cost = self._source.longest
        if cost > CHEAP:
            self._due = max(self._due, now - BURST * _SHARE) + cost * _SHARE
        return reading, 0.0
