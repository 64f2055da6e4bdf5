"""The heap profile that exporters send: one sampler for all of them, from the first that asks on.

It is the sampler in C, which may stay on. Where there is none nothing is sampled: tracemalloc is too dear for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import backend
from ..backend.allocations.tracing import SOURCE as TRACEMALLOC
from ..calltree import CallTree
from ..errors import NotStartedError, UnsupportedError
from ..formats import pprof
from ..profile import AllocationSampler
from ..treebuilder import build

if TYPE_CHECKING:
    from ..profile import Profile

_sampler = AllocationSampler()


def start_sampling() -> None:
    """Sample from now on, one byte in 512 KiB; nothing happens if that is done. Raises UnsupportedError."""
    if _sampler.is_running():
        return
    if not backend.samples:
        raise UnsupportedError(f"heap profiles need the C extension, which is not in use here: {backend.reason}")
    _sampler.start()
    if _sampler.source == TRACEMALLOC:
        note = next(iter(_sampler.get().notes), "the sampler does not run")
        _sampler.stop()
        raise UnsupportedError(f"heap profiles need the sampler: {note}")
    pprof.write(CallTree(build(())))  # a thread of ours must not import what this needs


def stop_sampling() -> None:
    """End it."""
    _sampler.stop()


def read_heap() -> Profile:
    """The profile as it is now. Raises NotStartedError."""
    if not _sampler.is_running():
        raise NotStartedError("no heap profile is being taken for exporters")
    return _sampler.get()
