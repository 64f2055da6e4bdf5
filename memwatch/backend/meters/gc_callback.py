"""The entry of `gc.callbacks`: in C with the native backend, where no signal handler can run inside it; else in Python.

It runs at any allocation, in any thread, under any lock. It therefore only adds to existing numbers and puts one record
on a SimpleQueue, whose `put` is re-entrant by design.
"""

from __future__ import annotations

import os
from _queue import SimpleQueue
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple, Protocol

from ...clock import Clock
from ...internal import internal
from .. import name, quiet
from ..pending import Pending
from ..quiet import is_quiet
from .allocator import COUNTS_BLOCKS, COUNTS_STOPPED
from .collector import is_full
from .meters import CHEAP, Blocks, count_blocks, may_count_blocks

if name == "native":
    from .._native import GCCallback as _NativeCallback

    internal(_NativeCallback)

LATE = 10.0
"""Seconds: hooks of a fork that have not come by then do not come."""
WAITING = 64
"""Records that may wait; further ones are dropped and counted."""


@internal
class Collected(NamedTuple):
    """A full collection has ended.

    `counted` are Python's blocks right after it, None where that costs too much; the last count took `cost` seconds.
    """

    clock: float
    counted: Blocks | None
    cost: float


class Callback(Protocol):
    """What stands in `gc.callbacks`.

    `begun` is when a full collection has begun, 0 outside one; `seconds` the time spent in them; `dropped` the
    records that found the queue full. `on_any`, if set, is called once, at the next collection of any generation or
    right after it: what was parked for a fork is woken by it. `after_fork` has it called without a collection, once
    the fork by the given frame is over; with None, soon. `on_unseen_fork` is called in a child that `after_fork` is
    not told of within `LATE` seconds from `unseen_since` on, the first collection in there. `blocks_cost` is what the
    last count of Python's blocks took, in seconds; there is no further one while that is too long. `retired` says
    that nobody reads the queue any more.
    """

    queue: SimpleQueue[Any]
    on_any: Callable[[], None] | None
    on_unseen_fork: Callable[[], None] | None
    unseen_since: float
    begun: float
    blocks_cost: float
    retired: bool

    @property
    def seconds(self) -> float: ...

    @property
    def dropped(self) -> int: ...

    def __call__(self, phase: str, info: dict[str, int], /) -> None: ...

    def after_fork(self, frame: FrameType | None, /) -> None: ...


@internal
class PythonGCCallback:
    """The callback where there is no C; what a signal handler raises inside it is lost."""

    def __init__(self, queue: SimpleQueue[Any], count: Callable[[], Blocks]) -> None:
        self.queue = queue
        self.on_any: Callable[[], None] | None = None
        self.on_unseen_fork: Callable[[], None] | None = None
        self.unseen_since = 0.0
        self.begun = 0.0
        self.seconds = 0.0
        self.dropped = 0
        self.blocks_cost = 0.0
        self.retired = False
        self._count = count
        self._pending = Pending()
        self._pid = os.getpid()

    def after_fork(self, frame: FrameType | None, /) -> None:
        self._pid, self.unseen_since = os.getpid(), 0.0
        self._pending.after_fork(frame, self._call_on_any)

    def _call_on_any(self) -> None:
        wake, self.on_any = self.on_any, None
        if wake is not None:
            wake()

    def __call__(self, phase: str, info: dict[str, int], /) -> None:
        if self._pid != os.getpid() and not self.retired:
            self.unseen_since = self.unseen_since or Clock.monotonic()
            if Clock.monotonic() - self.unseen_since >= LATE:
                self._pid, self.on_any = os.getpid(), self.on_unseen_fork
        if self.on_any is not None:
            self._call_on_any()
        if not is_full(info["generation"]):
            return
        if phase == "start":
            self.begun = Clock.perf_counter()
            return
        if self.begun:  # 0 where this was attached in the middle of a collection
            self.seconds += Clock.perf_counter() - self.begun
            self.begun = 0.0
        if self.retired or is_quiet():
            return
        if self.queue.qsize() < WAITING:
            self.queue.put(Collected(Clock.monotonic(), self._blocks_now(), self.blocks_cost))
        else:
            self.dropped += 1

    def _blocks_now(self) -> Blocks | None:
        if self.blocks_cost >= CHEAP or COUNTS_STOPPED or not may_count_blocks():
            return None
        begun = Clock.thread_time()
        blocks = self._count()
        self.blocks_cost = max(0.0, Clock.thread_time() - begun)
        return blocks


def make_callback(queue: SimpleQueue[Any], count: Callable[[], Blocks] = count_blocks) -> Callback:
    """A callback of the backend in use; *count* has to be a C function."""
    if name == "native":
        return _NativeCallback(queue, quiet._quiet, count, Collected, CHEAP if COUNTS_BLOCKS else 0.0)
    return PythonGCCallback(queue, count)
