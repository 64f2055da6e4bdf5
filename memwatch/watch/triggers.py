"""What wakes the watcher: the end of a full collection, and time.

The collector's callback runs at any allocation, in any thread, inside anyone's locks. It therefore only adds to numbers
that are there already and puts one record on a SimpleQueue, whose `put` is re-entrant by design. It costs about
half a microsecond a collection, so a program that collects more than `BUSY` times a second is spared it: the counts of
`gc.get_stats()` still show, at the next tick, that a full collection came.
"""

from __future__ import annotations

import gc
import time
from _queue import SimpleQueue
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..backend.guard import is_quiet, own

BUSY = 500  # collections a second above which the callback is taken out; it returns below half of that
_WAITING = 64  # records that may wait; further ones are dropped and counted
_CALLBACKS = gc.callbacks  # the collector's own list: a program may give the name in `gc` to something else
_OLDEST = 2  # the generation of a full collection: incremental ones (3.14) come as generation 1


@own
@dataclass(frozen=True, slots=True)
class Collected:
    """A full collection has ended; `blocks` is Python's block count right after it, None where that costs too much."""

    clock: float
    blocks: int | None


@own
class GcTrigger:
    """The callback in `gc.callbacks`, and the numbers that it keeps.

    `seconds` is the time spent in full collections, `dropped` the records that found the queue full. `on_any`, if
    set, is called once at the next collection of any generation: what was parked for a fork is woken by it. `retired`
    says that nobody reads the queue any more.
    """

    def __init__(self, queue: SimpleQueue[Any], count_blocks: Callable[[], int | None]) -> None:
        self.queue = queue
        self.count_blocks = count_blocks
        self.seconds = 0.0
        self.dropped = 0
        self.on_any: Callable[[], None] | None = None
        self.retired = False
        self._begun = 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if self.on_any is not None:
            wake, self.on_any = self.on_any, None
            if wake is not None:  # another thread may have been faster
                wake()
        if info["generation"] < _OLDEST:
            return
        if phase == "start":
            self._begun = time.perf_counter()
            return
        if self._begun:  # 0 where this was attached in the middle of a collection
            self.seconds += time.perf_counter() - self._begun
            self._begun = 0.0
        if self.retired or is_quiet():
            return
        if self.queue.qsize() < _WAITING:
            self.queue.put(Collected(time.monotonic(), self.count_blocks()))
        else:
            self.dropped += 1

    def attach(self) -> None:
        """Enter `gc.callbacks`, once, and take out the last entries where they have retired."""
        if not self.attached:
            while _CALLBACKS and type(_CALLBACKS[-1]) is GcTrigger and _CALLBACKS[-1].retired:
                _CALLBACKS.pop()
            self._begun = 0.0
            _CALLBACKS.append(self)

    def detach(self) -> bool:
        """Leave `gc.callbacks` if this is the last entry: removing another one makes a running collection skip one."""
        if _CALLBACKS and _CALLBACKS[-1] is self:
            last = _CALLBACKS.pop()
            if last is not self:  # another thread has appended it since
                _CALLBACKS.append(last)
        return not self.attached

    def retire(self) -> None:
        """Detach for good; where this is not possible now, a later trigger does it."""
        self.on_any = None
        self.retired = True
        self.detach()

    @property
    def attached(self) -> bool:
        """Whether the collector calls this; a program may have emptied `gc.callbacks`."""
        return any(callback is self for callback in _CALLBACKS)

    def adapt(self, collections: int, seconds: float) -> None:
        """Take the callback out or put it back, by the *collections* that were seen in the last *seconds*."""
        if seconds <= 0:
            return
        rate = collections / seconds
        if rate > BUSY and self.on_any is None:
            self.detach()
        elif rate < BUSY / 2:
            self.attach()


@own
class Ticker:
    """Says when the next tick is due; a tick that was missed is not made up for."""

    def __init__(self, interval: float, now: Callable[[], float] = time.monotonic) -> None:
        self.interval = interval
        self._now = now
        self._next = now() + interval

    def remaining(self) -> float:
        """Seconds until the next tick, 0 if it is due."""
        return max(0.0, self._next - self._now())

    def due(self) -> bool:
        """Whether a tick has come; if so the next one is set."""
        now = self._now()
        if now < self._next:
            return False
        self._next = max(self._next + self.interval, now)
        return True
