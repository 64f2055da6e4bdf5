"""The heap profile that exporters send: one sampler for all of them, started by the first that needs it.

It is the sampler in C, which may stay on. Without it nothing is sampled: tracemalloc costs too much for that. An export
computes only the call paths that have changed since the last one, as `kept.py` says.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from .. import backend
from ..calltree import CallTree
from ..clock import Clock
from ..errors import NotStartedError, UnsupportedError
from ..formats import pprof
from ..internal import internal
from ..profile.sampler import SAMPLE_INTERVAL, STACK_DEPTH, as_tree
from ..treebuilder import build

if TYPE_CHECKING:
    from ..backend.allocations.live import PathReading
    from ..backend.allocations.live_paths import LivePaths
    from ..backend.allocations.sampled import SampledHeap

_NOTHING = build(())
_LASTS = 0.5  # seconds


@internal
class _Running:
    """The sampler while it runs, and how its paths are read."""

    heap: SampledHeap | None = None
    paths: LivePaths | None = None
    reading: PathReading | None = None
    since = read_at = 0.0


def is_sampling() -> bool:
    """Whether it runs."""
    return _Running.heap is not None and _Running.heap.running


def start_sampling() -> None:
    """Sample from now on, one byte in 512 KiB; nothing happens if that is done. Raises UnsupportedError."""
    if is_sampling():
        return
    if not backend.samples:
        raise UnsupportedError(f"heap profiles need the C extension, which is not in use here: {backend.reason}")
    from ..backend.allocations.live_paths import LivePaths
    from ..backend.allocations.sampled import SampledHeap

    heap = _Running.heap or SampledHeap()
    try:
        heap.start(SAMPLE_INTERVAL, STACK_DEPTH)
    except UnsupportedError as error:
        raise UnsupportedError(f"heap profiles need the sampler: {error}") from None
    _Running.heap, _Running.paths, _Running.reading, _Running.since = heap, LivePaths(heap), None, time.time()
    pprof.write(CallTree(build(())))  # a thread of ours must not import what this needs


def stop_sampling() -> None:
    """End it."""
    if _Running.heap is not None:
        _Running.heap.stop()
    _Running.paths = _Running.reading = None


def read_heap() -> CallTree:
    """The profile as it is now. Raises NotStartedError."""
    if _Running.heap is None or not is_sampling():
        raise NotStartedError("no heap profile is being taken for exporters")
    now = time.time()
    return as_tree(_Running.heap.read(), now, now - _Running.since)


def read_paths() -> PathReading:
    """The profile by call path, on the watcher's thread alone. Exporters that ask at one tick share one reading. Raises
    NotStartedError."""
    if _Running.paths is None or not is_sampling():
        raise NotStartedError("no heap profile is being taken for exporters")
    now = Clock.monotonic()
    if not (_Running.reading and 0 <= now - _Running.read_at < _LASTS):
        _Running.reading, _Running.read_at = _Running.paths.read(), now
    return _Running.reading


def about(reading: PathReading) -> CallTree:
    """The head of a profile, without its paths."""
    now = time.time()
    return CallTree(
        _NOTHING,
        source=reading.source,
        sample_interval=reading.sample_interval,
        time=now,
        duration=now - _Running.since,
        pid=os.getpid(),
        notes=reading.notes,
    )
