"""What has each line allocated? From samples to lines: of what type, how much, and whether a walk has met it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import calltree
from ..backend.allocations.live import Sampled
from ..estimates import is_alike
from ..frames import Frame
from ..internal import internal
from .growth_tree import growth_tree

FRAMES = 8
_PARTS = 8  # of the time since the suspicion
_LEAST_SAMPLES = 12  # fewer may miss a part by chance
_YOUNG = 2 / _PARTS
_LEAST_PART = 0.1  # of a line's blocks: so much objects must be to own the rest, which they keep beside themselves
_MOST = 0.5
_ALWAYS = 1.5  # blocks that a sample stands for, at most, where next to none is missed
_CONTEXTS = 3
_LEAST_CONTEXT = 0.05  # of the bytes
HANDFUL = 5
"""Samples; of fewer nothing is concluded."""

NO_OBJECT = "raw memory"
"""Instead of a type, where what was allocated is no Python object."""

RAW = ""
"""What samples have for a type where there is no object."""

_HIDDEN_BYTES = sys.version_info >= (3, 15)
"""Whether a bytearray keeps its data in a bytes object of its own, which no walk meets."""

ShownFrame = dict[str, Any]
Place = tuple[str, str, int]  # function, file, line
NO_OTHERS: Mapping[Place, float] = {}


@internal
@dataclass(frozen=True, slots=True)
class Site:
    """A place that allocated, innermost frame first; and how many samples, blocks and bytes of `label` there are.

    `label` is the type of the objects, or `NO_OBJECT`; the bytes include what they keep beside themselves. `native`
    memory was taken by C code past Python's allocators. `in_code` says that the same line made code objects that a walk
    has met: it does not see what these hold. `contexts` are the labels of `memwatch.label` under which most of it was
    allocated, each with its share of the bytes.
    """

    frames: tuple[ShownFrame, ...]
    samples: int
    count: float
    size_bytes: float
    label: str
    native: bool = False
    contexts: tuple[tuple[str, float], ...] = ()
    in_code: bool = False

    @property
    def is_sure(self) -> bool:
        """Whether the samples are enough to speak of it: a handful, or each a block so large that it is always seen."""
        return self.samples >= HANDFUL or self.count <= _ALWAYS * self.samples

    @property
    def place(self) -> Place:
        """Where it was."""
        return place_in(self.frames)

    @property
    def function(self) -> tuple[str, str]:
        """That function and its file."""
        return self.place[:2]


def place_in(frames: Sequence[ShownFrame]) -> Place:
    """The program's own function and line among *frames*, or else the innermost."""
    frame = next((it for it in frames if it["in_app"]), frames[0])
    return frame["function"], frame["file"], frame["line"]


def place_among(frames: Sequence[Frame], is_app: Callable[[str], bool]) -> Place:
    """The same of frames that are not shown yet."""
    frame = next((it for it in frames if is_app(it.file)), frames[0])
    return frame.function, frame.file, frame.line


@internal
class Lines:
    """The places behind *samples*; *is_app* tells whether a file is the program's own code.

    *is_known* tells whether an object, by address and type, was met by the walk at the verdict; None without a walk.
    *interval* is the mean number of bytes between two samples. The samples were taken from *since* to *until*, on the
    steady clock in nanoseconds.
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
        self._met = frozenset(() if is_known is None else _met(samples, is_known))
        self._samples = samples if is_known is None else [_as_block(it, self._met) for it in samples]
        self._is_app = is_app
        self._tells_met = is_known is not None
        self._interval = interval
        self._since, self._until = since, until
        self._lines: list[list[Sampled]] | None = None
        self._unmet: list[Site] | None = None

    @property
    def sampled(self) -> bool:
        """Whether allocations were sampled at all."""
        return bool(self._samples) or self._until > 0

    @property
    def objects(self) -> list[Sampled]:
        """The samples of which the type is known."""
        return [it for it in self._samples if it.label and not it.native]

    @property
    def tells_met(self) -> bool:
        """Whether it is known of each object if a walk has met it."""
        return self._tells_met

    def of_types(self, labels: Collection[str], others: Mapping[Place, float] = NO_OTHERS) -> Site | None:
        """The line of most bytes of objects of these types, and of what they keep beside themselves: more than belong
        to *others* there."""
        lines = [parts for line in self._by_line() if (parts := _objects(line, labels))[0]]
        left = lambda parts: sum(map(_bytes_of, parts)) - others.get(self.place_of(parts[0][0]), 0.0)  # noqa: E731
        own, blocks = max(lines, key=left, default=([], []))
        if not own:
            return None
        label = max(_by_label(own).items(), key=lambda item: _bytes_of(item[1]))[0]
        return self._as_site(own, label, blocks)

    def of_buffers(self, counts: Collection[int]) -> Site | None:
        """The line of most bytes where blocks alone were sampled, as many as one of *counts*: of objects that are small
        beside their buffers."""
        raw = [line for line in self._by_line() if not any(it.label or it.native for it in line)]
        alike = (line for line in raw if any(is_alike(sum(it.count for it in line), count) for count in counts))
        heaviest = max(alike, key=_bytes_of, default=None)
        return self._as_site(heaviest, NO_OBJECT) if heaviest else None

    def of_most(self) -> Site | None:
        """The line that allocated most of what Python has, if that is most of all."""
        lines = [[it for it in line if not it.native] for line in self._by_line()]
        heaviest = max(filter(None, lines), key=_bytes_of, default=[])
        part = _bytes_of(heaviest) / max(_bytes_of(self._samples), 1)
        return self._as_site(heaviest, NO_OBJECT) if part >= _MOST else None

    def calls(self, labels: Collection[str]) -> list[tuple[str, str]]:
        """What the program's own lines have called where objects of these types were made: functions with their files,
        those of most bytes first."""
        found = Counter[tuple[str, str]]()
        for places, samples in _by_path([it for it in self._samples if it.label in labels]).items():
            number = next((n for n, place in enumerate(places) if self._is_app(place.file)), 0)
            if number:
                found[places[number - 1].function, places[number - 1].file] += round(_bytes_of(samples))
        return [called for called, _ in found.most_common()]

    @property
    def block_bytes(self) -> float:
        """The bytes of what is no object, in memory of Python's allocators."""
        return _bytes_of(_blocks_of(self._samples))

    def loose(self, counted: float = 0.0) -> tuple[Site, ...]:
        """What no walk has met, though it is alive, by line and type, most bytes first; all of it where there was none.

        What the objects that a walk has met keep beside themselves is not loose. It is taken to be that part of their
        *counted* bytes which samples of objects do not account for.
        """
        met = [it for it in self._samples if self._is_met(it)]
        beside = counted - _bytes_of(met) if self._tells_met else 0.0
        if self._unmet is None:
            self._unmet = [site for line in self._by_line() for site in self._loose(line)]
        sites = self._unmet
        blocks = [site for site in sites if site.label == NO_OBJECT and not site.native]
        part = max(0.0, 1 - max(0.0, beside) / max(sum(it.size_bytes for it in blocks), 1))
        found = [scaled_to(site, part) if site.label == NO_OBJECT and not site.native else site for site in sites]
        return tuple(sorted((site for site in found if site.size_bytes > 0), key=lambda site: -site.size_bytes))

    def tree(self, now: float, seconds: float) -> calltree.CallTree | None:
        """All of it as a tree of calls, taken at *now*, an epoch time, over so many *seconds*; None if there is none.

        Of very many paths the lightest lose their ends.
        """
        by_path = _by_path(self._samples)
        return growth_tree(by_path, self._interval, now, seconds) if by_path else None

    def ages(self, labels: Collection[str]) -> float | None:
        """How evenly the living objects of these types were born since the suspicion: 1 where some are left of each
        part of that time, least where only the youngest are. None of few samples. (Plumbr counts generations so.)
        """
        births = [sample.birth for sample in self._samples if sample.label in labels and sample.birth]
        if len(births) < _LEAST_SAMPLES or self._until <= self._since:
            return None
        part = (self._until - self._since) / _PARTS
        return len({min(_PARTS - 1, int((birth - self._since) / part)) for birth in births}) / _PARTS

    def is_young(self, label: str, size: float, part: float = _YOUNG) -> bool:
        """Whether samples of that type, for *size* bytes at least, are of the last *part* of the time alone."""
        samples = [sample for sample in self._samples if sample.label == label]
        if len(samples) < _LEAST_SAMPLES or _bytes_of(samples) < size:
            return False
        return min(sample.birth for sample in samples) >= self._until - part * (self._until - self._since)

    def of_same_lines(self, size: float, samples: Iterable[Sampled]) -> list[Sampled]:
        """Those of *samples*, of other times than these here as well, that are of the lines which made most of *size*
        bytes; none if no lines have made so much."""
        made, places = 0.0, set()
        for line in sorted(self._by_line(), key=_bytes_of, reverse=True):
            if made >= _MOST * size:
                break
            made += _bytes_of(line)
            places.add(self.place_of(line[0]))
        return [it for it in samples if it.birth and self.place_of(it) in places] if made >= _MOST * size else []

    def _by_line(self) -> list[list[Sampled]]:
        """The samples by place: paths that end at the same line of the program are one."""
        if self._lines is None:
            by_line: dict[Place, list[Sampled]] = {}
            for samples in _by_path(self._samples).values():
                by_line.setdefault(self.place_of(samples[0]), []).extend(samples)
            self._lines = list(by_line.values())
        return self._lines

    def place_of(self, sample: Sampled) -> Place:
        """The line of a sample."""
        return place_among(sample.places, self._is_app)

    def _is_met(self, sample: Sampled) -> bool:
        return (sample.address, sample.label) in self._met

    def _loose(self, line: list[Sampled]) -> Iterator[Site]:
        """What of one line no walk has met. Its blocks belong to the objects that were made there, if there are any."""
        met = [it for it in line if self._is_met(it)]
        loose = _by_label(it for it in line if it.label and not self._is_met(it))
        blocks, native = _blocks_of(line), [it for it in line if it.native]
        owner = max(loose, key=lambda label: _bytes_of(loose[label]), default="")
        if _is_part(met, blocks):
            blocks = []
        in_code = _is_part([it for it in met if it.label == "code"], [it for some in loose.values() for it in some])
        for label, samples in loose.items():
            own = blocks if label == owner and _is_part(samples, blocks) else []
            yield replace(self._as_site(samples, label, own), in_code=in_code)
            blocks = [] if own else blocks
        if blocks:
            yield self._as_site(blocks, NO_OBJECT)
        if native:
            yield self._as_site(native, NO_OBJECT, native=True)

    def _as_site(
        self, samples: Sequence[Sampled], label: str, blocks: Sequence[Sampled] = (), native: bool = False
    ) -> Site:
        """*samples* of one label, and the *blocks* that they keep beside themselves, which are no objects to count."""
        by_path = _by_path((*samples, *blocks))
        path = max(by_path, key=lambda places: _bytes_of(by_path[places]))
        size = _bytes_of(samples) + _bytes_of(blocks)
        count = sum(sample.count for sample in samples)
        contexts = _contexts_of((*samples, *blocks))
        return Site(self._frames(path), len(samples) + len(blocks), count, size, label, native, contexts)

    def _frames(self, places: tuple[Frame, ...]) -> tuple[ShownFrame, ...]:
        """The innermost frames, and if none of these is the program's own the first one that is."""
        shown = [_frame(place, self._is_app(place.file)) for place in places]
        first = next((number for number, frame in enumerate(shown) if frame["in_app"]), 0)
        return tuple(shown[:FRAMES] if first < FRAMES else [*shown[: FRAMES - 1], shown[first]])


def _bytes_of(samples: Iterable[Sampled]) -> float:
    return sum(sample.size_bytes for sample in samples)


def _met(samples: Sequence[Sampled], is_known: Callable[[int, str], bool]) -> Iterator[tuple[int, str]]:
    """Address and type of those objects that a walk has met."""
    return ((it.address, it.label) for it in samples if it.label and is_known(it.address, it.label))


def _as_block(sample: Sampled, met: Collection[tuple[int, str]]) -> Sampled:
    """*sample*; as a mere block, if it may be what a bytearray keeps beside itself."""
    hidden = _HIDDEN_BYTES and sample.label == "bytes" and (sample.address, "bytes") not in met
    return replace(sample, label=RAW) if hidden else sample


def _by_path(samples: Iterable[Sampled]) -> dict[tuple[Frame, ...], list[Sampled]]:
    """The samples by their stacks; those of one are the same tuple as a rule, and its frames are looked at once."""
    same: dict[int, list[Sampled]] = {}
    for sample in samples:
        same.setdefault(id(sample.places), []).append(sample)
    found: dict[tuple[Frame, ...], list[Sampled]] = {}
    for group in same.values():
        found.setdefault(group[0].places, []).extend(group)
    return found


def _objects(line: list[Sampled], labels: Collection[str]) -> tuple[list[Sampled], list[Sampled]]:
    """What there is of these types at a line, and its blocks, which they own if they are most of its objects."""
    own = [it for it in line if it.label in labels]
    others = [it for it in line if it.label and it.label not in labels]
    return own, _blocks_of(line) if _bytes_of(own) >= _bytes_of(others) else []


def _contexts_of(samples: Iterable[Sampled]) -> tuple[tuple[str, float], ...]:
    """The labels of most bytes, with their shares."""
    found, total = Counter[str](), 0.0
    for sample in samples:
        found[sample.context] += sample.size_bytes  # type: ignore[assignment]
        total += sample.size_bytes
    shares = [(text, size / total) for text, size in found.most_common(_CONTEXTS + 1) if text and size > 0]
    return tuple([(text, share) for text, share in shares[:_CONTEXTS] if share >= _LEAST_CONTEXT])


def scaled_to(site: Site, part: float) -> Site:
    """That *part* of *site*."""
    return replace(site, count=site.count * part, size_bytes=site.size_bytes * part)


def _by_label(samples: Iterable[Sampled]) -> dict[str, list[Sampled]]:
    found: dict[str, list[Sampled]] = {}
    for sample in samples:
        found.setdefault(sample.label, []).append(sample)
    return found


def _blocks_of(samples: Iterable[Sampled]) -> list[Sampled]:
    """What is no object, in memory of Python's allocators."""
    return [it for it in samples if not it.label and not it.native]


def _is_part(objects: Sequence[Sampled], blocks: Sequence[Sampled]) -> bool:
    """Whether *objects* may keep *blocks* beside themselves."""
    return bool(objects) and _bytes_of(objects) >= _LEAST_PART * (_bytes_of(objects) + _bytes_of(blocks))


def _frame(place: Frame, in_app: bool) -> ShownFrame:
    return {"function": place.function, "file": place.file, "line": place.line, "in_app": in_app}
