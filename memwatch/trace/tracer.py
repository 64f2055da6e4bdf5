"""The trace of this process. It makes the records, and knows which blocks are open around the running code."""

from __future__ import annotations

import os
import threading
import time
import weakref
from _thread import get_ident
from contextvars import ContextVar
from itertools import count
from typing import Any

from ..backend.forks import on_fork
from ..backend.meters.meters import Reading
from ..backend.quiet import collect as run_collection
from ..errors import NotStartedError, OptionError, describe_error
from ..internal import internal
from ..logs import Log
from . import exporters
from .execution_context import task_name, thread_name
from .gauge import Gauge
from .records import Amount, Kind, Record, factor_of
from .ring import Ring, check_capacity

_log = Log()


@internal
class OpenBlock:
    """A block that was entered. It refers to its TraceBlock weakly: a block whose TraceBlock is gone will never end.

    `used` is how many bytes were in use at its start (None if that could not be read), `clock` when that was.
    """

    __slots__ = (
        "clock",
        "depth",
        "ended",
        "number",
        "owner",
        "parent",
        "parent_name",
        "parent_number",
        "tracer",
        "used",
    )

    def __init__(self, tracer: Tracer, owner: Any, parent: OpenBlock | None) -> None:
        self.tracer = tracer
        self.owner: weakref.ref[Any] = weakref.ref(owner)
        self.number = next(tracer.block_numbers)
        self.parent = parent
        self.parent_name, self.parent_number, self.depth = place_in(parent)
        self.ended = False
        self.used: int | None = None
        self.clock = 0.0

    @property
    def is_live(self) -> bool:
        """Whether its end can still come in the running trace."""
        return not self.ended and self.tracer is active and self.owner() is not None


current: ContextVar[OpenBlock | None] = ContextVar("memwatch_trace_block", default=None)
"""The innermost block of this thread or asyncio task. It may have ended elsewhere, so use `enclosing`."""


def enclosing() -> OpenBlock | None:
    """The innermost block around the running code that has not ended."""
    block = _skip_ended(current.get())
    if block is not None:  # otherwise tasks that start one another would keep every block since the first
        block.parent = _skip_ended(block.parent)
    return block


def _skip_ended(block: OpenBlock | None) -> OpenBlock | None:
    while block is not None and not block.is_live:
        block = block.parent
    return block


_placing: set[int] = set()  # threads inside `place`


def place(block: OpenBlock | None) -> None:
    """Make *block* the innermost one around the running code.

    CPython 3.11 may run a collection inside `ContextVar.set`, and crashes if the collection sets a variable as well. A
    block that is entered there is no parent of others.
    """
    thread = get_ident()
    if thread not in _placing:
        try:
            _placing.add(thread)
            current.set(block)
        finally:
            _placing.discard(thread)


def place_in(block: OpenBlock | None) -> tuple[str | None, int | None, int]:
    """The name, number and depth that a record directly in *block* gets."""
    owner = None if block is None else block.owner()
    return (None, None, 0) if block is None or owner is None else (owner.name, block.number, block.depth + 1)


@internal
class Tracer:
    """One trace: its options, its ring and its key. Raises OptionError."""

    def __init__(self, unit: str, collect: bool, capacity: int) -> None:
        self.unit = unit
        self.factor = factor_of(unit)
        if type(collect) is not bool:
            raise OptionError(f"collect must be True or False, not of type {type(collect).__qualname__}")
        self.collect = collect
        self.block_numbers = count(1)
        self._failed = False
        self.begin(check_capacity(capacity))

    def begin(self, capacity: int) -> None:
        """Begin with an empty ring, a new key and meters of this process.

        `delivered` holds the numbers that each receiver has, by its URL. `sending` is held during a delivery.
        """
        self.ring = Ring(capacity)
        self.pid = os.getpid()
        self.key = os.urandom(8).hex()
        self.delivered: dict[str, set[int]] = {}
        self.sending = threading.Lock()
        self._numbers = count(1)
        self._gauge: Gauge | None = None
        self._kept_bytes = 0  # what the ring held at the last fresh reading

    def about(self) -> dict[str, Any]:
        """Facts about the trace: its key and process, and how many records the ring has dropped."""
        return {
            "trace_key": self.key,
            "pid": self.pid,
            "memory_unit": self.unit,
            "capacity": self.ring.capacity,
            "dropped": self.ring.dropped(),
        }

    def mark(self, name: str) -> Record | None:
        """Record the memory at this moment. None if it cannot be read."""
        measured = self._measure()
        return None if measured is None else self._keep(name, "mark", place_in(enclosing()), *measured)

    def start(self, block: OpenBlock, name: str) -> None:
        """Record that *block* begins, and remember what was in use."""
        measured = self._measure()
        if measured is not None:
            block.used = measured[1]
            self._keep(name, "block-start", place_of(block), *measured, block=block.number)
        block.clock = time.perf_counter()

    def end(self, block: OpenBlock, name: str, raised: str | None) -> None:
        """Record that *block* has ended, and its growth."""
        duration = time.perf_counter() - block.clock
        measured = self._measure()
        if measured is not None:
            growth = None if block.used is None else self._amount(measured[1] - block.used)
            change: dict[str, Any] = {"growth": growth, "duration": duration, "raised": raised}
            self._keep(name, "block-end", place_of(block), *measured, block=block.number, **change)

    def _measure(self) -> tuple[Reading, int, float, float | None] | None:
        """The memory, the bytes in use without the ring, the age of both, and the time of the collection."""
        collected = self._collect() if self.collect else None
        try:
            if self._gauge is None:
                self._gauge = Gauge()
            reading, age = self._gauge.read(force=self.collect)
        except Exception as error:  # as without descriptors or /proc; the marked program must not notice
            self._say(error)
            return None
        if age == 0.0:
            self._kept_bytes = self.ring.own_bytes
        kept_bytes = 0 if reading.native is None else self._kept_bytes
        return reading, reading.base - kept_bytes, age, collected

    def _keep(
        self,
        name: str,
        kind: Kind,
        place: tuple[str | None, int | None, int],
        reading: Reading,
        used: int,
        age: float,
        collected: float | None,
        **more: Any,
    ) -> Record:
        parent, parent_block, depth = place
        record = Record(
            record_name=name,
            memory_unit=self.unit,
            heap_total=self._amount(reading.anonymous),
            heap_used=self._amount(used),
            external=None if reading.native is None else self._amount(reading.native),
            rss=self._amount(reading.rss),
            trace_datetime=time.time_ns() // 1_000_000,
            trace_key=self.key,
            number=next(self._numbers),
            kind=kind,
            parent=parent,
            parent_block=parent_block,
            depth=depth,
            thread=thread_name(),
            task=task_name(),
            collect_seconds=collected,
            age_seconds=age,
            **more,
        )
        self.ring.append(record)
        exporters.notify(record)
        return record

    def _amount(self, size_bytes: int) -> Amount:
        return size_bytes if self.factor == 1 else size_bytes / self.factor

    def _collect(self) -> float:
        begun = time.perf_counter()
        run_collection()
        return time.perf_counter() - begun

    def _say(self, error: Exception) -> None:
        if not self._failed:
            self._failed = True
            _log.error("memory cannot be read, so a trace skips marks (%s)", describe_error(error))


def place_of(block: OpenBlock) -> tuple[str | None, int | None, int]:
    """Where *block* itself lies, as `place_in` said when it was entered."""
    return block.parent_name, block.parent_number, block.depth


active: Tracer | None = None
"""The trace to which marks go. None before `begin` and after `stop`."""

_latest: Tracer | None = None
_hears_of_forks = False


def begin(unit: str, collect: bool, capacity: int) -> None:
    """Start a trace, which replaces an earlier one. Raises OptionError; the earlier one then goes on."""
    global active, _latest, _hears_of_forks
    active = _latest = Tracer(unit, collect, capacity)
    if not _hears_of_forks:
        _hears_of_forks = True
        on_fork("trace", in_child=_begin_in_child)


def stop() -> None:
    """End the trace: marks do nothing from now on. The records can still be exported."""
    global active
    active = None


def latest() -> Tracer:
    """The trace whose records can be exported. Raises NotStartedError before the first `begin`."""
    if _latest is None:
        raise NotStartedError("there is no trace to export: call memwatch.trace.init() first")
    return _latest


def _begin_in_child() -> None:
    _placing.clear()
    exporters.forget_other_threads()
    if _latest is not None:
        _latest.begin(_latest.ring.capacity)
