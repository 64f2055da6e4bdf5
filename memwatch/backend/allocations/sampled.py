"""Live allocations as the sampler in C has seen them: for a profile, and for the report of a leak."""

from __future__ import annotations

from collections.abc import Callable
from math import expm1

from ...errors import NotStartedError
from ...frames import NOWHERE, Frame
from ...internal import internal
from .. import _native
from ..meters.allocator import given
from ..quiet import quiet
from .context_labels import label_text
from .frame_filter import FrameFilter
from .live import LiveHeap, LiveStack, Sampled
from .sampler import Sampling
from .samples import Reading, objects
from .thread_names import Threads

SOURCE = "sampler"
_MOST_AGES = 32
GONE = (
    "the allocations are not sampled any more: somebody has replaced Python's allocators, as tracemalloc.stop() does "
    "if tracemalloc was started first. Call memwatch.profile.start() to begin anew"
)

Group = tuple[int, int, int]
"""Samples that belong together: the stack's number, the thread's and the labels'."""


@internal
class SampledHeap(Sampling):
    """The sampler as a source of live allocations: what `live.AllocationSource` says."""

    __slots__ = ("threads",)

    def __init__(self) -> None:
        super().__init__()
        self.threads = Threads()

    @property
    def name(self) -> str:
        """What profiles call it."""
        return SOURCE

    def read(self) -> LiveHeap:
        """What the program holds of what it allocated since the start, estimated from the samples."""
        if not self.running:
            raise NotStartedError(GONE)
        self.follow()
        with quiet:
            stats = _native.sampling_stats()
            reading = Reading()
            live = self._as_stacks(reading)
        return LiveHeap(
            stacks=tuple(live),
            source=SOURCE,
            sample_interval=round(stats["interval"]),
            stack_depth=self.depth,
            notes=self.notes(self._count_cut(reading), stats),
            samples_taken=stats["taken"] - self.taken[0],
            samples_expected=max(0.0, stats["expected"] - self.taken[1]),
        )

    def _as_stacks(self, reading: Reading) -> list[LiveStack]:
        frame_filter = FrameFilter()
        parts = [reading.program_part(frame_filter, steps[: self.depth]) for steps, _ in reading.stacks]
        groups: dict[Group, list[tuple[int, int, float]]] = {}
        for size, birth, interval, thread, stack, _, _, label in reading.samples(self.begun):
            if stack == 0 or parts[stack - 1] is not None:
                groups.setdefault((stack, thread, label), []).append((size, birth, interval))
        names = self.threads.names({thread for _, thread, _ in groups})
        return [self._as_stack(reading, parts, group, samples, names) for group, samples in groups.items()]

    def _as_stack(
        self,
        reading: Reading,
        parts: list[tuple[int, ...] | None],
        group: Group,
        samples: list[tuple[int, int, float]],
        names: dict[int, str],
    ) -> LiveStack:
        stack, thread, label = group
        part = parts[stack - 1] if stack else None
        steps, cut = reading.stack(stack)
        places = tuple([reading.places[step] for step in reversed(part)]) if part else (NOWHERE,)
        salt = hash(
            (self.begun, thread, label, *[reading.places[step].line for step in steps])
        )  # the same in each reading
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
            context=label_text(label),
        )

    def _count_cut(self, reading: Reading) -> int:
        """How many samples have a longer path than is kept."""
        is_cut = [self.is_cut(*stack) for stack in reading.stacks]
        return sum(1 for sample in reading.samples(self.begun) if sample[4] and is_cut[sample[4] - 1])

    def notes(self, cut: int, stats: _native.SamplingStats) -> tuple[str, ...]:
        """What a reader should know; *cut* samples have a longer path than is kept."""
        notes = []
        if self.native:
            notes.append("what C libraries take from the C allocator is in it")
        if stats["interval"] > self.interval:
            asked, now = self.interval, round(stats["interval"])
            notes.append(f"one byte in {now:,} is sampled, not in {asked:,}, for there were too many samples")
        if stats["overflow"]:
            notes.append(f"{stats['overflow']:,} samples have no path: there were too many different ones")
        if stats["dropped"]:
            notes.append(f"{stats['dropped']:,} samples were lost, because two threads allocated at once")
        if cut:
            notes.append(f"the paths of {cut:,} samples are longer than {self.depth} frames; the outermost are missing")
        return tuple(notes)

    def is_cut(self, steps: tuple[int, ...], cut: bool) -> bool:
        """Whether the path of *steps* is longer than is kept; *cut* where the sampler in C has cut it."""
        return cut or len(steps) > self.depth


def live_samples(sampling: Sampling, since: int, until: int) -> tuple[tuple[Sampled, ...], Callable[[str], bool]]:
    """The program's live samples, as `Recorder.read` says."""
    if not sampling.running:
        raise NotStartedError(GONE)
    with quiet:
        frame_filter = FrameFilter()
        reading, found_objects = Reading(), objects()
        parts = [reading.program_part(frame_filter, steps) for steps, _ in reading.stacks]
        stacks = [tuple([reading.places[step] for step in part]) if part else () for part in parts]
        found = []
        for size, birth, interval, _, stack, address, is_native, context in reading.samples(max(sampling.begun, since)):
            places = stacks[stack - 1] if stack else ()
            if places and birth <= until and size:
                before, label = found_objects.get((address, birth), (0, ""))
                count, native = -1 / expm1(-size / interval), bool(is_native)
                nbytes = count * given(size, native)
                labels = label_text(context)
                found.append(Sampled(places, address + before, label, count, nbytes, birth, native, labels))
    return tuple(found), frame_filter.is_app


def live_births(sampling: Sampling) -> tuple[dict[tuple[Frame, ...], list[int]], Callable[[str], bool]]:
    """When the program's live samples were taken, by stack, as `recorded.read_births` says."""
    if not sampling.running:
        raise NotStartedError(GONE)
    with quiet:
        frame_filter, reading = FrameFilter(), Reading()
        by_number: dict[int, list[int]] = {}
        for _, birth, _, _, stack, _, is_native, _ in reading.rows():
            if birth >= sampling.begun and stack and not is_native:
                by_number.setdefault(stack, []).append(birth)
        found: dict[tuple[Frame, ...], list[int]] = {}
        for stack, births in by_number.items():
            if part := reading.program_part(frame_filter, reading.stack(stack)[0]):
                found.setdefault(tuple([reading.places[step] for step in part]), []).extend(births)
    return found, frame_filter.is_app


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
