"""Readings for marks: fresh ones as long as they are cheap or rare, so that a storm of marks stays cheap as well.

Asking Python's allocator takes longer the larger the heap is (0.15 ms at 1 GB), asking the C allocator of a
fragmented one ten milliseconds with everyone's malloc stopped. A reading that costs more than `CHEAP` is therefore put
on an account: `BURST` seconds of them are free, beyond that they take a `_SHARE`th of the time, and the last one
stands in between.
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
    """What `backend.meters.Meters` offers."""

    @property
    def longest(self) -> float: ...

    def read(self, force: bool = False) -> Reading: ...


@internal
class Gauge:
    """Reads *source* (this process's meters unless given) for every mark that it can be read for."""

    def __init__(self, source: Source | None = None, now: Callable[[], float] = time.perf_counter) -> None:
        self._source = Meters() if source is None else source
        self._now = now
        self._due = 0.0
        self._last: tuple[Reading, float] | None = None

    def read(self, force: bool = False) -> tuple[Reading, float]:
        """A reading and its age in seconds: a fresh one, age 0, with *force* or if the account allows it."""
        now, last = self._now(), self._last
        if last is not None and now < self._due and not force:
            return last[0], now - last[1]
        reading = self._source.read(force=True)
        self._last = reading, now
        cost = self._source.longest
        if cost > CHEAP:
            self._due = max(self._due, now - BURST * _SHARE) + cost * _SHARE
        return reading, 0.0
