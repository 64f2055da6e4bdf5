"""Sends what is put into it to a receiver, in a thread that lives only while there is something to send.

Neither the program nor memwatch's own thread waits for a receiver. The queue is bounded; when it is full the oldest
item is dropped. A receiver that cannot be reached is tried again after a minute; what it refuses is not sent again. A
forked child begins with an empty queue: its parent sends what was waiting.
"""

from __future__ import annotations

import atexit
import os
from collections import deque
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakSet

from .. import signals
from ..backend.forks import on_fork
from ..clock import Clock
from ..errors import ExportError
from ..http import Refused, Sender
from ..internal import internal, never_count
from ..targets import Target
from ..watch.thread import RawThread, original
from .libraries import log_once

_TRIES = 3
_TIMEOUT = 5.0  # seconds a try
_TOTAL = 30.0  # seconds in which tries begin
_REST = 60.0  # seconds after which a receiver is tried again
_MOST_BYTES = 4 << 20
_AT_EXIT = 2.0  # seconds that the exit waits
_AT_FORK = 0.05  # seconds that a fork waits: with a second thread CPython warns

_boxes: WeakSet[Outbox] = WeakSet()
never_count(_boxes)


@internal
class Item(NamedTuple):
    """The body of a request, its headers, and what is added to the URL."""

    body: bytes
    headers: Mapping[str, str]
    query: str


@internal
class Outbox:
    """Sends to one *target*, at most *most* items waiting; *what* stands in the warning if the target cannot be
    reached."""

    def __init__(self, what: str, target: Target, most: int = 64) -> None:
        "x".encode("idna")  # what a look-up of a name imports must not be imported by a thread of ours
        self.target = target
        self._what = f"{what} to {target.shown}"
        self._most = most
        self._ended = self._closed = False
        self._become(os.getpid())
        _hook()
        _boxes.add(self)
        signals.tick.connect(self._again)

    def put(self, body: bytes, headers: Mapping[str, str], query: str = "") -> None:
        """Send *body*. Never raises, and does not wait, except for a second at the exit."""
        if os.getpid() != self._pid:
            self._become(os.getpid())
        if self._closed:
            return
        with self._lock:
            self._items.append(Item(body, headers, query))
            while len(self._items) > self._most or sum(len(item.body) for item in self._items) > _MOST_BYTES:
                self._items.popleft()
            self._start()
        if self._ended:  # nobody waits for the thread any more
            self._thread.join(_AT_EXIT / 2)

    def close(self, patience: float = _AT_EXIT) -> None:
        """Wait until all is sent, *patience* seconds at most, and accept nothing more."""
        self._closed = True
        signals.tick.disconnect(self._again)
        self._thread.join(patience)

    def end(self, patience: float) -> None:
        """At the exit: try once more to send what waits."""
        if os.getpid() == self._pid:
            self._ended, self._retry_at = True, 0.0
            with self._lock:
                self._start()
            self._thread.join(patience)

    def rest(self, patience: float) -> None:
        """Before a fork: wait for the thread."""
        if os.getpid() == self._pid:
            self._thread.join(patience)

    def _become(self, pid: int) -> None:
        """Begin anew in the process *pid*, without the locks, thread and connections of its parent."""
        self._pid = pid
        self._items: deque[Item] = deque()
        self._lock: Any = original("_thread", "allocate_lock")()
        self._thread = RawThread()
        self._runs = False
        self._retry_at = 0.0
        self._sender = Sender(self.target, _TRIES, _TIMEOUT, 0.0)

    def _again(self, sender: object, tick: object) -> None:
        """At a tick: what could not be sent is due again."""
        if os.getpid() == self._pid and self._items and not self._runs:
            with self._lock:
                self._start()

    def _start(self) -> None:
        if self._items and not self._runs and Clock.monotonic() >= self._retry_at and self._thread.join(0.2):
            try:
                self._runs = True
                self._thread.start(self._run)
            except RuntimeError as error:
                self._runs = False
                log_once(self._what, f"no thread can be started: {error}")

    def _run(self) -> None:
        while (item := self._take()) is not None:
            try:
                self._sender.deadline = Clock.monotonic() + (_AT_EXIT / 2 if self._ended else _TOTAL)
                self._sender.post(*item)
            except Refused as error:
                log_once(self._what, str(error))
            except ExportError as error:
                log_once(self._what, str(error))
                self._put_back(item)
            except BaseException:
                self._runs = False
                raise

    def _take(self) -> Item | None:
        with self._lock:
            if self._items and Clock.monotonic() >= self._retry_at:
                return self._items.popleft()
            self._runs = False
            return None

    def _put_back(self, item: Item) -> None:
        with self._lock:
            self._retry_at = Clock.monotonic() + _REST
            if len(self._items) < self._most:
                self._items.appendleft(item)


@cache
def _hook() -> None:
    """Register for forks and the exit, once in a process."""
    on_fork("outbox", before=_before_fork)
    atexit.register(_end)


def _before_fork() -> None:
    deadline = Clock.monotonic() + _AT_FORK
    for box in list(_boxes):
        box.rest(max(0.0, deadline - Clock.monotonic()))


def _end() -> None:
    deadline = Clock.monotonic() + _AT_EXIT
    for box in list(_boxes):
        box.end(max(0.0, deadline - Clock.monotonic()))
