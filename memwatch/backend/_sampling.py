"""Live allocations by the sampler in C: one byte in `sample_interval`, at about half a per cent of the program's time.

There is one sampler for the process. Several `Sampling` share it: it runs from the first start to the last stop, with
the smallest interval that anybody asked for and the depth of the first; each sees what was allocated since its own
start. A block of s bytes is a sample with probability 1 - exp(-s / interval), so it stands for one divided by that
many; a block that grows in place keeps its place in the profile.
"""

from __future__ import annotations

import struct
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import expm1

from ..errors import NotStartedError, UnsupportedError
from . import _native
from .guard import own, quiet
from .kinds import every_type, type_label
from .labels import Threads
from .process import is_main_interpreter
from .stacks import NOWHERE, LiveHeap, LiveStack, Place, Sampled
from .territory import Territory

SOURCE = "sampler"
MOST_SAMPLES = 65536
"""Live samples; with more the interval is doubled."""

_MOST_AGES = 32
_CUT = 1 << 31
_GONE = (
    "the allocations are not sampled any more: somebody has replaced Python's allocators, as tracemalloc.stop() does "
    "if tracemalloc was started first. Call memwatch.profile.start() to begin anew"
)

Group = tuple[int, int]
"""Samples that belong together: the stack's number and the thread's."""

_running: list[Sampling] = []


@own
@dataclass(frozen=True, slots=True)
class _Reading:
    """What `sampling_read` gives, in columns; a stack is a range of steps, innermost first, a step is a place."""

    places: tuple[Place, ...]
    coroutines: tuple[bool, ...]
    stacks: tuple[tuple[tuple[int, ...], bool], ...]
    samples: tuple[tuple[int, int, float, int, int, int], ...]  # size, birth, interval, thread, stack, address
    time: int


@own
class Sampling:
    """The sampler between `start` and `stop`, as `stacks.Source` says."""

    __slots__ = ("_begun", "_depth", "_interval", "_salt", "_taken", "_threads")

    def __init__(self) -> None:
        self._begun = 0
        self._depth = 0
        self._interval = 0
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

    def start(self, sample_interval: int, stack_depth: int) -> None:
        """Sample from now on. Raises UnsupportedError where the sampler cannot be had, with the reason."""
        self.stop()
        if not (_running and _native.sampling_running()):
            _begin(sample_interval, stack_depth)
        self._interval = sample_interval
        self._depth = min(stack_depth, *(other._depth for other in _running)) if _running else stack_depth
        stats = _native.sampling_stats()
        self._taken = stats["taken"], stats["expected"]
        _running.append(self)
        _choose_interval(stats["interval"])
        self._begun = self._salt = time.monotonic_ns()

    def stop(self) -> None:
        """End it, if nobody else needs it."""
        if self in _running:
            _running.remove(self)
            if _running:
                _choose_interval(_native.sampling_stats()["interval"])
            else:
                _native.sampling_stop()

    def read(self) -> LiveHeap:
        """What the program holds of what it allocated since the start, estimated from the samples."""
        if not self.running:
            raise NotStartedError(_GONE)
        with quiet:
            stats = _native.sampling_stats()
            reading = _read(self._begun)
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
        self._interval = sample_interval
        if self.running:
            _choose_interval(_native.sampling_stats()["interval"])

    def samples(self, since: int, until: int) -> tuple[tuple[Sampled, ...], Callable[[str], bool]]:
        """The program's live samples, as `Recorder.read` says."""
        if not self.running:
            raise NotStartedError(_GONE)
        with quiet:
            territory = Territory()
            reading, objects = _read(max(self._begun, since)), _objects()
            parts = [_program_part(reading, territory, steps) for steps, _ in reading.stacks]
            stacks = [tuple([reading.places[step] for step in part]) if part else () for part in parts]
            found = []
            for size, birth, interval, _, stack, address in reading.samples:
                places = stacks[stack - 1] if stack else ()
                if places and birth <= until and size:
                    before, label = objects.get((address, birth), (0, ""))
                    count = -1 / expm1(-size / interval)
                    found.append(Sampled(places, address + before, label, count, count * size))
        return tuple(found), territory.is_app

    def _as_stacks(self, reading: _Reading) -> list[LiveStack]:
        territory = Territory()
        parts = [_program_part(reading, territory, steps[: self._depth]) for steps, _ in reading.stacks]
        groups: dict[Group, list[tuple[int, int, float]]] = {}
        for size, birth, interval, thread, stack, _ in reading.samples:
            if stack == 0 or parts[stack - 1] is not None:
                groups.setdefault((stack, thread), []).append((size, birth, interval))
        names = self._threads.names({thread for _, thread in groups})
        return [self._as_stack(reading, parts, group, samples, names) for group, samples in groups.items()]

    def _as_stack(
        self,
        reading: _Reading,
        parts: list[tuple[int, ...] | None],
        group: Group,
        samples: list[tuple[int, int, float]],
        names: dict[int, str],
    ) -> LiveStack:
        stack, thread = group
        part = parts[stack - 1] if stack else None
        steps, cut = reading.stacks[stack - 1] if stack else ((), False)
        places = tuple([reading.places[step] for step in reversed(part)]) if part else (NOWHERE,)
        roots = [] if cut else [step for step in steps if reading.coroutines[step]]
        ages = sorted((reading.time - birth) / 1e9 for _, birth, _ in samples)
        drawn = [(size, interval) for size, _, interval in samples]
        return LiveStack(
            places=places,
            sizes=estimate(drawn, hash((self._salt, *group))),
            samples=len(samples),
            ages=_spread(ages),
            thread=names[thread],
            task=reading.places[roots[-1]].function if roots else "",
            variance=estimate_variance(drawn),
        )

    def _notes(self, reading: _Reading, stats: _native.SamplingStats) -> tuple[str, ...]:
        notes = []
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


def _choose_interval(now: float) -> None:
    wanted = min(sampling._interval for sampling in _running)
    if wanted != now:
        _native.sampling_set_interval(float(wanted))


def self_test() -> str:
    """What is wrong with the sampler here, in plain words; empty if nothing is: its stack is the interpreter's own."""
    try:
        found = [frame[:3] for frame in next(_known(lambda: _native.sampling_frames(3)))]
    except RuntimeError as error:
        return str(error)
    lines = [0, _known.__code__.co_firstlineno + 2, self_test.__code__.co_firstlineno + 3]
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


def _program_part(reading: _Reading, territory: Territory, steps: tuple[int, ...]) -> tuple[int, ...] | None:
    """*steps* as far as they are the program's; None if the allocation is memwatch's own."""
    if not steps:
        return steps
    part = territory.program_part([(reading.places[step].file, reading.places[step].line) for step in steps])
    return steps[: len(part)] if part else None


def _read(begun: int) -> _Reading:
    """The samples that were taken since *begun*, on the steady clock."""
    codes, raw_places, raw_steps, raw_ends, addresses, sizes, births, intervals, threads, stacks, now = (
        _native.sampling_read()
    )
    numbers = _column("I", raw_places)
    places, coroutines = [], []
    for code, line, column in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
        function, file, first_line, coroutine = codes[code]
        places.append(Place(function, file, line, column, first_line))
        coroutines.append(coroutine)
    columns = (_column("Q", sizes), _column("Q", births), _column("f", intervals), _column("I", threads))
    rows = zip(*columns, _column("I", stacks), _column("Q", addresses), strict=True)
    samples = tuple([row for row in rows if row[1] >= begun])
    return _Reading(tuple(places), tuple(coroutines), _stacks_of(raw_steps, raw_ends), samples, now)


def _objects() -> dict[tuple[int, int], tuple[int, str]]:
    """By a sample's address and birth: how many bytes lie before the object in it, and the label of its type."""
    types = every_type()
    rows = struct.iter_unpack("=QQII", _native.sampling_objects(types))
    return {(address, birth): (before, type_label(types[place])) for address, birth, place, before in rows}


def _stacks_of(raw_steps: bytes, raw_ends: bytes) -> tuple[tuple[tuple[int, ...], bool], ...]:
    steps, found, start = _column("I", raw_steps), [], 0
    for marked in _column("I", raw_ends):
        end = marked & ~_CUT
        found.append((tuple(steps[start:end]), bool(marked & _CUT)))
        start = end
    return tuple(found)


def _column(code: str, data: bytes) -> array[int]:
    made: array[int] = array(code)
    made.frombytes(data)
    return made
