"""Live allocations by the sampler in C: one byte in `sample_interval`, at about half a per cent of the program's time.

There is one sampler for the process. Several `Sampling` share it: it runs from the first start to the last stop, with
the smallest interval and the greatest depth that anybody asked for; each sees what was allocated since its own start. A
block of s bytes is a sample with probability 1 - exp(-s / interval), so it stands for one divided by that many; a block
that grows in place keeps its place in the profile.
"""

from __future__ import annotations

import _thread
import os
from collections.abc import Callable, Iterator
from math import expm1
from typing import Any

from ...clock import Clock
from ...errors import NotStartedError, UnsupportedError
from ...frames import NOWHERE
from ...internal import internal
from .. import _native
from ..process import is_main_interpreter
from ..quiet import quiet
from .frame_filter import Territory
from .live import LiveHeap, LiveStack, Sampled
from .samples import Reading, objects, read
from .thread_names import Threads

SOURCE = "sampler"
MOST_SAMPLES = 65536
"""Live samples; with more the interval is doubled."""

_MOST_AGES = 32
_GONE = (
    "the allocations are not sampled any more: somebody has replaced Python's allocators, as tracemalloc.stop() does "
    "if tracemalloc was started first. Call memwatch.profile.start() to begin anew"
)

Group = tuple[int, int]
"""Samples that belong together: the stack's number and the thread's."""

_running: list[Sampling] = []
_locks: dict[int, Any] = {}


@internal
class Sampling:
    """The sampler between `start` and `stop`, as `stacks.Source` says."""

    __slots__ = ("_begun", "_depth", "_interval", "_native", "_salt", "_taken", "_threads")

    def __init__(self) -> None:
        self._begun = 0
        self._depth = 0
        self._interval = 0
        self._native = False
        self._salt = 0
        self._taken: tuple[int, float] = (0, 0.0)
        self._threads = Threads()

    @property
    def name(self) -> str:
        """What profiles call it."""
        return SOURCE

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
            self._interval, self._depth = sample_interval, stack_depth
            stats = _native.sampling_stats()
            self._taken = stats["taken"], stats["expected"]
            _running.append(self)
            _suit_all(stats["interval"])
            self._begun = self._salt = Clock.monotonic_ns()
            if native:
                try:
                    self.look_at_native(True)
                except UnsupportedError:
                    self.stop()
                    raise

    def stop(self) -> None:
        """End it, if nobody else needs it."""
        with _lock():
            self._native = False
            if self not in _running:
                return
            _running.remove(self)
            if _running:
                _suit_all(_native.sampling_stats()["interval"])
                _choose_native()
            else:
                _native.sampling_stop()

    def read(self) -> LiveHeap:
        """What the program holds of what it allocated since the start, estimated from the samples."""
        if not self.running:
            raise NotStartedError(_GONE)
        self.follow()
        with quiet:
            stats = _native.sampling_stats()
            reading = read(self._begun)
            live = self._as_stacks(reading)
        return LiveHeap(
            stacks=tuple(live),
            source=SOURCE,
            sample_interval=round(stats["interval"]),
            stack_depth=self._depth,
            notes=self._notes(reading, stats),
            samples_taken=stats["taken"] - self._taken[0],
            samples_expected=max(0.0, stats["expected"] - self._taken[1]),
        )

    def change(self, sample_interval: int) -> None:
        """Another interval from now on; what was sampled keeps its weight."""
        with _lock():
            self._interval = sample_interval
            if self.running:
                _suit_all(_native.sampling_stats()["interval"])

    def look_at_native(self, wanted: bool) -> None:
        """Sample what C libraries allocate as well, from now on, or no more. Raises UnsupportedError."""
        with _lock():
            self._native = wanted
            try:
                _choose_native()
            except RuntimeError as error:
                self._native = False
                raise UnsupportedError(str(error)) from None

    def follow(self) -> None:
        """See to libraries that have been loaded meanwhile; costs next to nothing."""
        if self._native:
            _native.sampling_follow()

    def samples(self, since: int, until: int) -> tuple[tuple[Sampled, ...], Callable[[str], bool]]:
        """The program's live samples, as `Recorder.read` says."""
        if not self.running:
            raise NotStartedError(_GONE)
        with quiet:
            territory = Territory()
            reading, found_objects = read(max(self._begun, since)), objects()
            parts = [reading.program_part(territory, steps) for steps, _ in reading.stacks]
            stacks = [tuple([reading.places[step] for step in part]) if part else () for part in parts]
            found = []
            for size, birth, interval, _, stack, address, native in reading.samples:
                places = stacks[stack - 1] if stack else ()
                if places and birth <= until and size:
                    before, label = found_objects.get((address, birth), (0, ""))
                    count = -1 / expm1(-size / interval)
                    found.append(Sampled(places, address + before, label, count, count * size, birth, bool(native)))
        return tuple(found), territory.is_app

    def _as_stacks(self, reading: Reading) -> list[LiveStack]:
        territory = Territory()
        parts = [reading.program_part(territory, steps[: self._depth]) for steps, _ in reading.stacks]
        groups: dict[Group, list[tuple[int, int, float]]] = {}
        for size, birth, interval, thread, stack, *_ in reading.samples:
            if stack == 0 or parts[stack - 1] is not None:
                groups.setdefault((stack, thread), []).append((size, birth, interval))
        names = self._threads.names({thread for _, thread in groups})
        return [self._as_stack(reading, parts, group, samples, names) for group, samples in groups.items()]

    def _as_stack(
        self,
        reading: Reading,
        parts: list[tuple[int, ...] | None],
        group: Group,
        samples: list[tuple[int, int, float]],
        names: dict[int, str],
    ) -> LiveStack:
        stack, thread = group
        part = parts[stack - 1] if stack else None
        steps, cut = reading.stacks[stack - 1] if stack else ((), False)
        places = tuple([reading.places[step] for step in reversed(part)]) if part else (NOWHERE,)
        salt = hash((self._salt, thread, *[reading.places[step].line for step in steps]))  # the same in each reading
        ages = sorted((reading.time - birth) / 1e9 for _, birth, _ in samples)
        drawn = [(size, interval) for size, _, interval in samples]
        return LiveStack(
            places=places,
            sizes=estimate(drawn, salt),
            samples=len(samples),
            ages=_spread(ages),
            thread=names[thread],
            task=reading.task(steps, cut),
            variance=estimate_variance(drawn),
        )

    def _notes(self, reading: Reading, stats: _native.SamplingStats) -> tuple[str, ...]:
        notes = []
        if self._native:
            notes.append("what C libraries take from the C allocator is in it")
        if stats["interval"] > self._interval:
            asked, now = self._interval, round(stats["interval"])
            notes.append(f"one byte in {now:,} is sampled, not in {asked:,}, for there were too many samples")
        if stats["overflow"]:
            notes.append(f"{stats['overflow']:,} samples have no path: there were too many different ones")
        if stats["dropped"]:
            notes.append(f"{stats['dropped']:,} samples were lost, because two threads allocated at once")
        cut = sum(1 for sample in reading.samples if sample[4] and self._is_cut(*reading.stacks[sample[4] - 1]))
        if cut:
            notes.append(
                f"the paths of {cut:,} samples are longer than {self._depth} frames; the outermost are missing"
            )
        return tuple(notes)

    def _is_cut(self, steps: tuple[int, ...], cut: bool) -> bool:
        return cut or len(steps) > self._depth


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
    """Have it draw as finely and look as deeply as anybody wants who runs; *interval* is what it has."""
    wanted = min(sampling._interval for sampling in _running)
    if wanted != interval:
        _native.sampling_set_interval(float(wanted))
    _native.sampling_set_depth(max(sampling._depth for sampling in _running))


def _lock() -> Any:
    """Who starts and stops does so alone. Each process has its own lock, for a fork may come while it is held; a signal
    handler may take it again."""
    return _locks.setdefault(os.getpid(), _thread.RLock())


def _choose_native() -> None:
    """Raises RuntimeError where native allocations cannot be sampled."""
    if _running:
        _native.sampling_native(any(sampling._native for sampling in _running))


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


def estimate(samples: list[tuple[int, float]], salt: int) -> tuple[tuple[int, int], ...]:
    """How many blocks of each size the *samples*, (size, interval), stand for: (size, how many), smallest first.

    A sample of s bytes stands for 1 / (1 - exp(-s / interval)) blocks. The sum for a size is made whole by chance, so
    that it is right on average; the same *salt* has the same luck.
    """
    weights: dict[int, float] = {}
    for size, interval in samples:
        weights[size] = weights.get(size, 0.0) - 1 / expm1(-size / interval) if size else 0.0
    return tuple(
        [(size, count) for size, weight in sorted(weights.items()) if (count := int(weight + _luck(salt, size)))]
    )


def estimate_variance(samples: list[tuple[int, float]]) -> float:
    """The variance of the bytes that `estimate` gives: that of the draw, of which `evidence` has the formula, and that
    of making a number whole, size ** 2 * fraction * (1 - fraction), for each size.
    """
    weights: dict[int, float] = {}
    drawn = 0.0
    for size, interval in samples:
        if size:
            p = -expm1(-size / interval)
            drawn += (1 - p) * (size / p) ** 2
            weights[size] = weights.get(size, 0.0) + 1 / p
    return drawn + sum(size**2 * (weight % 1) * (1 - weight % 1) for size, weight in weights.items())


def _luck(salt: int, size: int) -> float:
    """A number from 0 to below 1 that looks like chance."""
    mixed = (salt ^ size * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return (mixed >> 11) / 2.0**53


def _spread(ages: list[float]) -> tuple[float, ...]:
    """Some of *ages*, from the first to the last."""
    if len(ages) <= _MOST_AGES:
        return tuple(ages)
    return tuple([ages[place * (len(ages) - 1) // (_MOST_AGES - 1)] for place in range(_MOST_AGES)])
