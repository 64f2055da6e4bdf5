"""Answers that need more modules than a process that merely watches has loaded."""

from __future__ import annotations

import base64
import os
import tempfile
import time
from typing import TYPE_CHECKING, Any

from .. import backend, default
from ..backend.allocations.recorder import FINE_INTERVAL
from ..calltree import CallTree
from ..errors import OptionError, UnsupportedError
from ..formats import pprof
from ..heap import HeapDiff
from ..heap.write_snapshot import write_heap_snapshot
from ..profile.sampler import AllocationSampler, as_tree
from ..retain import retaining_paths
from ..retain.held import find_holders

if backend.samples:
    from ..backend.allocations.sampled import SampledHeap

if TYPE_CHECKING:
    from .reply import Reply

_DEPTH = 64


def diff(reply: Reply, seconds: float) -> None:
    """What changes within so many seconds. Both looks keep to the pause budget."""
    heap_diff = HeapDiff(pause_budget=default.current_options().pause_budget)

    def end() -> None:
        found = heap_diff.end()
        reply.give({"diff": found.to_dict(), "text": str(found)})

    reply.later(seconds, end)


def paths(reply: Reply, label: str, limit: int) -> None:
    """Who holds the objects of the type *label*."""
    found = retaining_paths(type=label, limit=limit)
    reply.give({"paths": [path.to_dict() for path in found], "text": "\n".join(map(str, found))})


def holders(reply: Reply, label: str) -> None:
    """Who holds how many objects of the type *label*."""
    reply.give(find_holders(label).to_dict())


def snapshot(reply: Reply, path: str, temporary: bool) -> None:
    """Write the heap to *path*, or else to a file in the current directory of the process. A temporary file goes into a
    folder of its own that only this user can enter.
    """
    if not isinstance(path, str):
        raise OptionError("path must be text")
    if temporary:
        folder = tempfile.mkdtemp(prefix="memwatch-")
        path = os.path.join(folder, f"heap-{os.getpid()}-{time.strftime('%Y%m%dT%H%M%S')}.heapsnapshot.gz")
    written = write_heap_snapshot(path or None).absolute()
    reply.give({"path": str(written), "bytes": written.stat().st_size})


def profile(reply: Reply, seconds: float) -> None:
    """The sampled allocations that are alive: all since watching began, or those of the next *seconds*."""
    if not backend.samples:
        raise UnsupportedError(f"this process samples no allocations: {backend.reason}")
    if not seconds:
        reply.give(_as_answer(_since_begin()))
        return
    sampler = AllocationSampler()
    reply.on_cancel = sampler.stop
    sampler.start(FINE_INTERVAL)

    def end() -> None:
        try:
            reply.give(_as_answer(sampler.get().tree))
        finally:
            sampler.stop()

    reply.later(seconds, end)


def _since_begin() -> CallTree:
    """A profile of what the watcher samples, with all details. Raises UnsupportedError if it does not sample."""
    running = default.sampling()
    if running is None:
        raise UnsupportedError("this process does not sample allocations by itself; give the seconds to sample for")
    heap = SampledHeap()
    heap.start(running.interval, _DEPTH)
    try:
        heap.begun, heap.taken = running.begun, running.taken
        now = time.time()
        return as_tree(heap.read(), now, (time.monotonic_ns() - running.begun) / 1e9)
    finally:
        heap.stop()


def _as_answer(tree: CallTree) -> dict[str, Any]:
    return {"pprof": base64.b64encode(pprof.write(tree)).decode("ascii"), "total_bytes": tree.root.total_bytes}
