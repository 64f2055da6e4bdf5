"""Records the samples for reports: the sampler at two intervals.

Only the sampler in C records on memwatch's own account; tracemalloc costs too much for that.
"""

from __future__ import annotations

import contextlib

from ...errors import UnsupportedError
from ...internal import internal
from .. import name, samples

if samples:
    from .sampler import Sampling

FINE_INTERVAL = 65536
"""Bytes a sample, at most, while growth is suspected."""

_DEPTH = 64
_NO_SAMPLER = f"the {name} backend has no sampler"


@internal
class Recorder:
    """Samples for one watcher, one byte in *interval*. `problem` says why it does not; empty if it does. `sampling` is
    the sampler while it runs; `recorded.py` reads it. With *native* it may sample what C libraries allocate, when it is
    asked to."""

    def __init__(self, interval: int, native: bool = False) -> None:
        self._interval = interval
        self._native = native
        self.sampling: Sampling | None = None
        self.problem = ""

    @property
    def running(self) -> bool:
        """Whether it samples."""
        sampling = self.sampling  # another thread may stop it meanwhile
        return sampling is not None and sampling.running

    @property
    def finest(self) -> int:
        """Bytes a sample while growth is suspected."""
        return min(self._interval, FINE_INTERVAL)

    def start(self) -> None:
        """Sample from now on, if that can be done here."""
        self.problem = ""
        try:
            if not samples:
                raise UnsupportedError(_NO_SAMPLER)
            sampling = Sampling()
            sampling.start(self._interval, _DEPTH)
            self.sampling = sampling
        except UnsupportedError as error:
            self.problem = str(error)

    def stop(self) -> None:
        """End it; may be called again."""
        sampling, self.sampling = self.sampling, None
        if sampling is not None:
            sampling.stop()

    def use_fine_interval(self, closely: bool, native: bool = False) -> None:
        """Sample at `FINE_INTERVAL` or finer from now on, or as at first again; with *native* C libraries too, if that
        is possible."""
        sampling = self.sampling
        if sampling is None:
            return
        sampling.change(self.finest if closely else self._interval)
        with contextlib.suppress(UnsupportedError):
            sampling.look_at_native(native and self._native)

    def follow(self) -> None:
        """At a tick: see to libraries that have been loaded."""
        sampling = self.sampling
        if sampling is not None:
            sampling.follow()
