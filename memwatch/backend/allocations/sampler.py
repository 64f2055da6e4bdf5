"""Runs the sampler in C: one byte in `sample_interval`, for about half a per cent of the program's time.

There is one sampler for the process, which several `Sampling` share. It runs from the first start to the last stop,
with the smallest interval and the greatest depth that any of them needs; each sees what was allocated since its own
start. A block of s bytes is sampled with probability 1 - exp(-s / interval), so it stands for one divided by that many.
A block that grows in place keeps its place in the profile.
"""

from __future__ import annotations

import _thread
import os
from collections.abc import Callable, Iterator
from typing import Any

from ...clock import Clock
from ...errors import UnsupportedError
from ...internal import internal
from .. import _native
from ..process import is_main_interpreter

MOST_SAMPLES = 65536
"""Live samples; with more the interval is doubled."""

_running: list[Sampling] = []
_locks: dict[int, Any] = {}


@internal
class Sampling:
    """The sampler between `start` and `stop`; `sampled.py` reads what it has seen, and is not needed before that.

    `begun` is when it started, on the steady clock in nanoseconds; `native` says that C libraries are sampled as well.
    `taken` is how many samples there had been then, and how many there should have been.
    """

    __slots__ = ("begun", "depth", "interval", "native", "taken")

    def __init__(self) -> None:
        self.begun = 0
        self.depth = 0
        self.interval = 0
        self.native = False
        self.taken: tuple[int, float] = (0, 0.0)

    @property
    def running(self) -> bool:
        """Whether it samples on our behalf."""
        return self in _running and _native.sampling_running()

    def start(self, sample_interval: int, stack_depth: int, native: bool = False) -> None:
        """Sample from now on, *native* with what C libraries allocate.

        Raises UnsupportedError where the sampler cannot be had, with the reason.
        """
        with _lock():
            self.stop()
            if not (_running and _native.sampling_running()):
                _begin(sample_interval, stack_depth)
            self.interval, self.depth = sample_interval, stack_depth
            stats = _native.sampling_stats()
            self.taken = stats["taken"], stats["expected"]
            _running.append(self)
            _suit_all(stats["interval"])
            self.begun = Clock.monotonic_ns()
            if native:
                try:
                    self.look_at_native(True)
                except UnsupportedError:
                    self.stop()
                    raise

    def stop(self) -> None:
        """End it, if nobody else needs it."""
        with _lock():
            self.native = False
            if self not in _running:
                return
            _running.remove(self)
            if _running:
                _suit_all(_native.sampling_stats()["interval"])
                _choose_native()
            else:
                _native.sampling_stop()

    def change(self, sample_interval: int) -> None:
        """Another interval from now on; what was sampled keeps its weight."""
        with _lock():
            self.interval = sample_interval
            if self.running:
                _suit_all(_native.sampling_stats()["interval"])

    def look_at_native(self, wanted: bool) -> None:
        """Sample what C libraries allocate as well, from now on, or no more. Raises UnsupportedError."""
        with _lock():
            self.native = wanted
            try:
                _choose_native()
            except RuntimeError as error:
                self.native = False
                raise UnsupportedError(str(error)) from None

    def follow(self) -> None:
        """See to libraries that have been loaded meanwhile; costs next to nothing."""
        if self.native:
            _native.sampling_follow()


def _begin(interval: int, depth: int) -> None:
    if not is_main_interpreter():
        raise UnsupportedError("the sampler serves the whole process; a profile is started in its main interpreter")
    _native.sampling_stop()  # what somebody else has taken the hooks from
    _running.clear()
    problem = self_test()
    if problem:
        raise UnsupportedError(problem)
    try:
        _native.sampling_start(float(interval), depth, MOST_SAMPLES)
    except (RuntimeError, MemoryError) as error:
        raise UnsupportedError(str(error) or "there is no memory for the sampler") from None


def _suit_all(interval: float) -> None:
    """Sample as finely and as deeply as any running `Sampling` needs; *interval* is what the sampler has."""
    wanted = min(sampling.interval for sampling in _running)
    if wanted != interval:
        _native.sampling_set_interval(float(wanted))
    _native.sampling_set_depth(max(sampling.depth for sampling in _running))


def _lock() -> Any:
    """Only one thread starts or stops at a time. Each process has its own lock, since a fork may come while it is held;
    a signal handler may take it again."""
    return _locks.setdefault(os.getpid(), _thread.RLock())


def _choose_native() -> None:
    """Raises RuntimeError where native allocations cannot be sampled."""
    if _running:
        _native.sampling_native(any(sampling.native for sampling in _running))


def self_test() -> str:
    """What is wrong with the sampler here, in plain words; empty if nothing is: its stack is the interpreter's own."""
    if not _native.knows_frames:
        return "the C extension does not know the frames of this Python"
    try:
        found = [frame[:3] for frame in next(_known(lambda: _native.sampling_frames(3)))]
    except RuntimeError as error:
        return str(error)
    lines = [0, _known.__code__.co_firstlineno + 2, self_test.__code__.co_firstlineno + 5]
    names = ["self_test.<locals>.<lambda>", "_known", "self_test"]
    wanted = [(name, _known.__code__.co_filename, line) for name, line in zip(names, lines, strict=True)]
    if found[1:] != wanted[1:] or found[0][:2] != wanted[0][:2]:
        return f"the sampler does not know the stacks of this Python: it found {found}"
    return ""


def _known(look: Callable[[], list[tuple[str, str, int, int, int]]]) -> Iterator[list[tuple[str, str, int, int, int]]]:
    """A generator, whose frame lies elsewhere than a function's."""
    yield look()
