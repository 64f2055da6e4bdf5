"""What wakes the watcher: the end of a full collection, time, and what other threads ask of it through its queue.

The collector's callback, which the backend makes, costs about half a microsecond a collection, most of it CPython's own
share. So a program that collects more than `BUSY` times a second is spared it: the counts of `gc.get_stats()` still
show, at the next tick, that a full collection came.
"""

from __future__ import annotations

from _queue import SimpleQueue
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from ..backend.meters.collector import CALLBACKS
from ..backend.meters.gc_callback import make_callback
from ..backend.meters.meters import Blocks, count_blocks
from ..clock import Clock
from ..internal import internal
from .sample import Sample

BUSY = 500  # collections a second above which the callback is taken out; it returns below half of that


@internal
class GcTrigger:
    """Puts its `callback`, a `gc_callback.Callback`, into `gc.callbacks` and takes it out again."""

    def __init__(self, queue: SimpleQueue[Any], count: Callable[[], Blocks] = count_blocks) -> None:
        self.callback = make_callback(queue, count)

    def attach(self) -> None:
        """Enter `gc.callbacks`, once, and take out the last entries where they have retired."""
        if not self.attached:
            while CALLBACKS and type(CALLBACKS[-1]) is type(self.callback) and CALLBACKS[-1].retired:
                CALLBACKS.pop()
            self.callback.begun = 0.0
            CALLBACKS.append(self.callback)

    def detach(self) -> bool:
        """Leave `gc.callbacks` if this is the last entry: removing another one makes a running collection skip one."""
        if CALLBACKS and CALLBACKS[-1] is self.callback:
            last = CALLBACKS.pop()
            if last is not self.callback:  # another thread has appended it since
                CALLBACKS.append(last)
        return not self.attached

    def retire(self) -> None:
        """Detach for good; where this is not possible now, a later trigger does it."""
        self.callback.on_any = self.callback.on_unseen_fork = None
        self.callback.retired = True
        self.detach()

    @property
    def attached(self) -> bool:
        """Whether the collector calls this; a program may have emptied `gc.callbacks`."""
        return any(callback is self.callback for callback in CALLBACKS)

    def call_at_next(self, function: Callable[[], None] | None) -> None:
        """Have *function* called once, at the next collection or right after it; with None nothing is called."""
        self.callback.on_any = function

    def call_after_fork(self, function: Callable[[], None], frame: FrameType | None) -> None:
        """Have *function* called once the fork by *frame* is over (soon, with None), or at a collection before that."""
        self.call_at_next(function)
        self.attach()
        self.callback.after_fork(frame)

    def adapt(self, collections: int, seconds: float) -> None:
        """Take the callback out or put it back, by the *collections* that were seen in the last *seconds*."""
        if seconds <= 0:
            return
        rate = collections / seconds
        if rate > BUSY and self.callback.on_any is None:
            self.detach()
        elif rate < BUSY / 2:
            self.attach()


@internal
class Ticker:
    """Says when the next tick is due; a tick that was missed is not made up for.

    Of the seconds by which ticks came late, those in `kept_out` passed before the thread woke, as it did not get to
    run, and those in `busy` after that.
    """

    def __init__(self, interval: float, now: Callable[[], float] = Clock.monotonic) -> None:
        self.interval = interval
        self.kept_out = self.busy = 0.0
        self._now = now
        self._since = now()
        self._next = self._since + interval
        self._woken = 0.0

    def begin_anew(self) -> None:
        """In a forked child: what was late in its parent is no concern of its own. The next tick is due when it was."""
        self.kept_out = self.busy = 0.0
        self._since = self._now()

    @property
    def age(self) -> float:
        """Seconds since ticks are counted."""
        return self._now() - self._since

    @property
    def expected(self) -> int:
        """How many ticks were due so far."""
        return int(self.age / self.interval)

    def remaining(self) -> float:
        """Seconds until the next tick, 0 if it is due."""
        return max(0.0, self._next - self._now())

    def wake(self) -> None:
        """The thread has waited and runs again."""
        self._woken = self._now()

    def due(self) -> bool:
        """Whether a tick has come; if so the next one is set."""
        now = self._now()
        if now < self._next:
            return False
        kept_out = max(0.0, self._woken - self._next)
        self.kept_out += kept_out
        self.busy += now - self._next - kept_out
        self._next = max(self._next + self.interval, now)
        return True


@internal
class Forced(NamedTuple):
    """A collection that `collect` made: its reading, and the lock that is released when its events are delivered.

    `is_nested` says that a receiver asked for it.
    """

    sample: Sample
    delivered: Any
    is_nested: bool


@internal
class Halt:
    """Asks the thread to end: for good, or parked for a fork; `over` says that the fork is done."""

    def __init__(self, final: bool) -> None:
        self.final = final
        self.over = False
