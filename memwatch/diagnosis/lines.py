"""From samples to the line that allocated what leaks: for each suspect the heaviest place that fits it best."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import calltree
from ..backend.allocations.live import Sampled
from ..frames import Frame
from ..internal import internal

FRAMES = 8
_PARTS = 8  # of the time since the suspicion
_LEAST_SAMPLES = 12  # fewer may miss a part by chance
_YOUNG = 2 / _PARTS
_LEAST_PART = 0.1  # of a place's bytes: what has no type is mostly what objects keep beside themselves
_MOST_FRAMES = 3000  # of a tree: a report that is kept takes about half a kilobyte for each
_LONGEST_NAME = 400  # characters
OTHER_PATHS = "(other paths)"
NO_OBJECT = "raw memory"
"""Instead of a type, where what was allocated is no Python object."""

RAW = ""
"""What samples have for a type where there is no object."""

ShownFrame = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Site:
    """A place that allocated, innermost frame first; and how many samples, blocks and bytes of it there are.

    `label` is the type of most of the objects, by bytes.
    """

    frames: tuple[ShownFrame, ...]
    samples: int
    count: float
    size_bytes: float
    label: str


@internal
class Lines:
    """The places behind *samples*; *is_app* tells whether a file is the program's own code.

    *is_known* tells whether an object, by address and type, was met by the walk at the verdict; None without a walk.
    *interval* is the mean number of bytes between two samples.
    The samples were taken from *since* to *until*, on the steady clock in nanoseconds.
    """

    def __init__(
        self,
        samples: Sequence[Sampled] = (),
        is_app: Callable[[str], bool] = bool,
        is_known: Callable[[int, str], bool] | None = None,
        interval: int = 1,
        since: int = 0,
        until: int = 0,
    ) -> None:
        self._samples = samples
        self._is_app = is_app
        self._is_known = is_known
        self._interval = interval
        self._since, self._until = since, until

    def of_types(self, labels: Collection[str]) -> Site | None:
        """The heaviest place of objects of these types."""
        return self._heaviest(sample for sample in self._samples if sample.label in labels)

    def of_all(self) -> Site | None:
        """The heaviest place of all."""
        return self._heaviest(self._samples)

    def tree(self, now: float, seconds: float) -> calltree.CallTree | None:
        """All of it as a tree of calls, taken at *now*, an epoch time, over so many *seconds*; None if there is none.

        Of very many paths the lightest lose their ends. Sizes of single blocks are left out.
        """
        by_path: dict[tuple[Frame, ...], list[Sampled]] = {}
        for sample in self._samples:
            by_path.setdefault(sample.places, []).append(sample)
        if not by_path:
            return None
        stacks, room = [], _Room(_MOST_FRAMES)
        for path, samples in sorted(by_path.items(), key=lambda item: -_bytes_of(item[1])):
            frames = room.take(path[::-1])
            stacks.append(calltree.Stack(frames, round(_bytes_of(samples)), round(sum(it.count for it in samples))))
        return calltree.CallTree(
            calltree.build(stacks),
            name="growth",
            source="sampler",
            sample_interval=self._interval,
            time=now,
            duration=seconds,
            pid=os.getpid(),
        )

    def of_lost(self) -> Site | None:
        """The heaviest place of what no walk meets, though it is alive; None where there was no walk."""
        known = self._is_known
        if known is None:
            return None
        return self._heaviest(it for it in self._samples if not (it.label and known(it.address, it.label)))

    def ages(self, labels: Collection[str]) -> float | None:
        """How evenly the living objects of these types were born since the suspicion: 1 where some are left of each
        part of that time, least where only the youngest are. None of few samples. (Plumbr counts generations so.)
        """
        births = [sample.birth for sample in self._samples if sample.label in labels and sample.birth]
        if len(births) < _LEAST_SAMPLES or self._until <= self._since:
            return None
        part = (self._until - self._since) / _PARTS
        return len({min(_PARTS - 1, int((birth - self._since) / part)) for birth in births}) / _PARTS

    def is_young(self, label: str, size: float) -> bool:
        """Whether samples of that type, for *size* bytes at least, are of the last part of the time alone."""
        samples = [sample for sample in self._samples if sample.label == label]
        if len(samples) < _LEAST_SAMPLES or _bytes_of(samples) < size:
            return False
        return min(sample.birth for sample in samples) >= self._until - _YOUNG * (self._until - self._since)

    def _heaviest(self, samples: Iterable[Sampled]) -> Site | None:
        """Paths that end at the same line of the program are one place; of these the heaviest is shown."""
        by_line: dict[tuple[str, str, int], list[Sampled]] = {}
        for sample in samples:
            place = next((it for it in sample.places if self._is_app(it.file)), sample.places[0])
            by_line.setdefault((place.function, place.file, place.line), []).append(sample)
        return self._as_site(max(by_line.values(), key=_bytes_of)) if by_line else None

    def _as_site(self, samples: list[Sampled]) -> Site:
        by_path: dict[tuple[Frame, ...], list[Sampled]] = {}
        by_label: dict[str, list[Sampled]] = {}
        for sample in samples:
            by_path.setdefault(sample.places, []).append(sample)
            by_label.setdefault(sample.label, []).append(sample)
        path = max(by_path, key=lambda places: _bytes_of(by_path[places]))
        total = _bytes_of(samples)
        large = [name for name in by_label if name and _bytes_of(by_label[name]) >= _LEAST_PART * total]
        label = max(large, key=lambda name: _bytes_of(by_label[name]), default=NO_OBJECT)
        return Site(self._frames(path), len(samples), sum(sample.count for sample in samples), total, label)

    def _frames(self, places: tuple[Frame, ...]) -> tuple[ShownFrame, ...]:
        """The innermost frames, and if none of these is the program's own the first one that is."""
        shown = [_frame(place, self._is_app(place.file)) for place in places]
        first = next((number for number, frame in enumerate(shown) if frame["in_app"]), 0)
        return tuple(shown[:FRAMES] if first < FRAMES else [*shown[: FRAMES - 1], shown[first]])


@internal
class _Room:
    """As many frames as a tree may have; paths with the same beginning share theirs."""

    def __init__(self, frames: int) -> None:
        self._left = frames
        self._taken: dict[Frame, Any] = {}
        self._frames: dict[Frame, Frame] = {}

    def take(self, path: Sequence[Frame]) -> tuple[Frame, ...]:
        """The frames of a *path*, outermost first; of one that there is no room for, the beginning."""
        taken, found = self._taken, []
        for place in path:
            if place not in taken:
                if not self._left:
                    found.append(_OTHERS)
                    break
                self._left -= 1
            taken = taken.setdefault(place, {})
            found.append(self._frames.get(place) or self._frames.setdefault(place, _tree_frame(place)))
        return tuple(found)


_OTHERS = Frame(OTHER_PATHS)


def _tree_frame(place: Frame) -> Frame:
    function, file = place.function[:_LONGEST_NAME], place.file[-_LONGEST_NAME:]
    return Frame(function, file, place.line, place.column, place.first_line)


def _bytes_of(samples: Iterable[Sampled]) -> float:
    return sum(sample.size_bytes for sample in samples)


def _frame(place: Frame, in_app: bool) -> ShownFrame:
    return {"function": place.function, "file": place.file, "line": place.line, "in_app": in_app}
