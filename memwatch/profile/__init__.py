"""Who allocated it: the call paths that hold memory, of all that was allocated since `start`.

    memwatch.profile.start()
    ...
    print(memwatch.profile.get())
    memwatch.profile.write("heap.html")

With the C extension one byte in `sample_interval` is sampled, at about half a per cent of the program's time: numbers
are estimates, right on average. Without it tracemalloc watches. It sees every allocation, so that the numbers are exact
and the interval has no effect; but it is dear, for hunting a leak and not for production, and memwatch never turns it
on by itself. `Profile.source` tells what watched, "sampler" or "tracemalloc".
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Any

from ..calltree import Node
from .callgraph import construct_callgraph, flatten
from .profile import Profile, load
from .sampler import SAMPLE_INTERVAL, STACK_DEPTH, AllocationSampler

__all__ = [
    "AllocationSampler",
    "Profile",
    "collect_allocations",
    "collect_nodes",
    "construct_callgraph",
    "get",
    "is_running",
    "load",
    "sampling",
    "start",
    "stop",
    "write",
]

_sampler = AllocationSampler()


def start(sample_interval: int = SAMPLE_INTERVAL, stack_depth: int = STACK_DEPTH, native: bool = False) -> None:
    """Begin a profile. What was allocated before is never in it, so call this early.

    `sample_interval` is the mean number of bytes between two samples (1 to 2 ** 40; checked, but without effect where
    every allocation is seen), `stack_depth` the most frames of a call path (1 to 256). `native` samples besides what C
    libraries take from the C allocator, on Linux with glibc and by the C extension; libraries that are loaded later
    are followed. Nothing happens if a profile with the same options is being taken. Raises OptionError for other
    values, AlreadyStartedError if one with other options is being taken, UnsupportedError in a subinterpreter, and
    where native allocations cannot be sampled.

    tracemalloc makes programs that allocate all the time take 15 to 40 times as long, with a `stack_depth` of 1 3 to 12
    times, and needs about 100 bytes for each block that they hold. This is logged once, at level INFO.
    """
    _sampler.start(sample_interval, stack_depth, native)


def stop() -> None:
    """End the profile and forget it; nothing happens if none is being taken."""
    _sampler.stop()


def is_running() -> bool:
    """Whether a profile is being taken."""
    return _sampler.is_running()


def get() -> Profile:
    """The profile up to now; it goes on. Raises NotStartedError if none is being taken.

    Takes about 0.8 s for a million blocks, of which the interpreter stands still for 0.3 s, and 130 bytes a block
    meanwhile; besides that about 0.2 s for a thousand different call paths of 40 frames, and at first up to 5 s for
    reading the sources.
    """
    return _sampler.get()


def write(path: str | os.PathLike[str] | None = None, format: str | None = None) -> str:
    """Write the profile up to now to *path* and return the absolute path; it goes on.

    Without a path the file is ``heap-profile-<milliseconds since 1970>.heapprofile`` in the current directory. The
    suffix chooses the format unless *format* names it. Raises what `get` and `Profile.write` raise.
    """
    return _sampler.write(path, format)


def sampling(
    sample_interval: int = SAMPLE_INTERVAL, stack_depth: int = STACK_DEPTH, native: bool = False
) -> AbstractContextManager[AllocationSampler]:
    """For a `with` statement: as `start`, then `stop` at the end, unless the profile was started before.

    What it gives has `get` and `write`, as this module. Of several that overlap the last to end stops.
    """
    return _sampler.sampling(sample_interval, stack_depth, native)


def collect_allocations(stop_sampling: bool = True) -> Node:
    """The root of the profile's call tree; ends the profile unless told not to. Raises NotStartedError."""
    root = _sampler.get().root
    if stop_sampling:
        _sampler.stop()
    return root


def collect_nodes() -> tuple[dict[str, Any], ...]:
    """The nodes of the profile's call tree, each as a dict with its `id` and `child_ids`, the root first.

    The profile goes on. `construct_callgraph` makes a tree of them again. Raises NotStartedError.
    """
    return flatten(_sampler.get().root)
