"""Starts and stops a source of live allocations, and turns what it gives into profiles.

A sampler may be started and stopped from any thread, in a signal handler, and on either side of a fork.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from .. import calltree, formats, treebuilder
from ..backend.allocations.live import AllocationSource, LiveHeap, LiveStack
from ..backend.allocations.source import start_source
from ..backend.allocations.tracing import SOURCE
from ..backend.quiet import quiet
from ..checks import check_whole, shown
from ..errors import AlreadyStartedError, NotStartedError, OptionError
from ..estimates import Part, count_ages
from ..internal import internal
from ..logs import Log
from .profile import Profile

SAMPLE_INTERVAL = 524288
STACK_DEPTH = 64

_COST = (
    "memwatch profiles with tracemalloc, which sees every allocation: busy programs take 15 to 40 times as long, with "
    "stack_depth=1 3 to 12 times, and each block that they hold needs about 100 bytes more"
)

_log = Log()
_reported: list[str] = []


@dataclass(frozen=True, slots=True)
class Options:
    """What `start` takes: the mean number of bytes between two samples, the most frames of a stack, and whether what
    C libraries allocate is sampled as well.
    """

    sample_interval: int = SAMPLE_INTERVAL
    stack_depth: int = STACK_DEPTH
    native: bool = False

    def check(self) -> None:
        """Raise OptionError for anything that is no whole number within its range, or no truth value."""
        if type(self.native) is not bool:
            raise OptionError(f"native must be True or False, not {shown(self.native)}")
        check_whole("sample_interval", self.sample_interval, 1, 1 << 40, "bytes")
        check_whole("stack_depth", self.stack_depth, 1, 256, "frames")


@internal
class AllocationSampler:
    """One profile of this process. Several may run side by side; each sees what was allocated since its own start."""

    def __init__(self) -> None:
        self._source: AllocationSource | None = None
        self._refused = ""
        self._options: Options | None = None
        self._started = 0.0
        self._users = 0
        self._locks: dict[int, Any] = {}

    def start(
        self, sample_interval: int = SAMPLE_INTERVAL, stack_depth: int = STACK_DEPTH, native: bool = False
    ) -> None:
        """As `memwatch.profile.start`."""
        with self._lock():
            self._begin(Options(sample_interval, stack_depth, native))
            self._users = 0  # what was started by hand is stopped by hand

    def stop(self) -> None:
        """As `memwatch.profile.stop`."""
        with self._lock():
            self._users = 0
            if self._options is not None and self._source is not None:
                self._options = None
                self._source.stop()

    def is_running(self) -> bool:
        """As `memwatch.profile.is_running`."""
        return self._options is not None and self._source is not None and self._source.running

    @property
    def source(self) -> str:
        """What watches, or has watched last; empty before the first start."""
        return self._source.name if self._source is not None else ""

    def get(self) -> Profile:
        """As `memwatch.profile.get`."""
        with self._lock():
            if self._options is None or self._source is None:
                raise NotStartedError("no profile is being taken; call memwatch.profile.start() first")
            heap, now = self._source.read(), time.time()
            depth, started = self._options.stack_depth, self._started
        with quiet:
            if self._refused:
                heap = replace(heap, notes=(f"tracemalloc has watched, not the sampler: {self._refused}", *heap.notes))
            return Profile(as_tree(heap, now, now - started), depth, started)

    def write(self, path: str | os.PathLike[str] | None = None, format: str | None = None) -> str:
        """As `memwatch.profile.write`."""
        name = formats.choose(path, format)  # a typo is refused before the heap is read
        return self.get().write(_default_path(formats.FORMATS[name].suffixes[0]) if path is None else path, name)

    @contextlib.contextmanager
    def sampling(
        self, sample_interval: int = SAMPLE_INTERVAL, stack_depth: int = STACK_DEPTH, native: bool = False
    ) -> Iterator[AllocationSampler]:
        """As `memwatch.profile.sampling`."""
        with self._lock():
            if self._begin(Options(sample_interval, stack_depth, native)) or self._users:
                self._users += 1
                counted = True
            else:
                counted = False
        try:
            yield self
        finally:
            with self._lock():
                if counted and self._users:
                    self._users -= 1
                    if not self._users:
                        self.stop()

    def _begin(self, options: Options) -> bool:
        """Whether this call has started it; False if it runs already."""
        options.check()
        if self.is_running():
            if options != self._options:
                raise AlreadyStartedError(
                    f"a profile is already being taken with {self._options}; call memwatch.profile.stop() first"
                )
            return False
        if self._source is not None:
            self._source.stop()
        self._source, self._refused = start_source(options.sample_interval, options.stack_depth, options.native)
        _tell_cost(self._source)
        self._options, self._started = options, time.time()
        return True

    def _lock(self) -> Any:
        """Each process has its own lock, for a fork may come while it is held; a signal handler may take it again."""
        return self._locks.setdefault(os.getpid(), _thread.RLock())


def as_tree(heap: LiveHeap, now: float, duration: float) -> calltree.CallTree:
    """What is alive as a tree of calls, read at *now*, in epoch seconds, over so many seconds."""
    stacks = []
    for live in heap.stacks:
        held = sum(size * count for size, count in live.sizes)
        parts = (_as_part(live),) if heap.source != SOURCE else ()
        stacks.append(calltree.Stack(live.places, held, sum(count for _, count in live.sizes), live.sizes, parts))
    return calltree.CallTree(
        treebuilder.build(stacks),
        source=heap.source,
        sample_interval=heap.sample_interval,
        time=now,
        duration=duration,
        pid=os.getpid(),
        notes=heap.notes,
        samples_taken=heap.samples_taken if heap.source != SOURCE else None,
        samples_expected=heap.samples_expected if heap.source != SOURCE else None,
    )


def _as_part(live: LiveStack) -> Part:
    ages = count_ages(live.ages, live.samples)
    return Part(live.thread, live.task, live.sizes, live.samples, live.variance, ages, live.context)


def _default_path(suffix: str) -> str:
    """A name in the current directory that nothing has yet, made from the time."""
    now = time.time_ns() // 1_000_000
    while os.path.lexists(name := f"heap-profile-{now}{suffix}"):
        now += 1
    return name


def _tell_cost(source: AllocationSource) -> None:
    if source.name == SOURCE and SOURCE not in _reported:
        _reported.append(SOURCE)
        _log.info(_COST)
