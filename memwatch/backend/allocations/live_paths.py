"""The live call paths of the sampler, read again and again: only what has changed since the last reading is computed.

A sample is known by its block and its birth. Sets of these show what came and went. The paths of all others stay the
same objects, so that a reader can keep what it made of a path.
"""

from __future__ import annotations

from itertools import count

from ...errors import NotStartedError
from ...frames import NOWHERE, Frame
from ...internal import internal
from .. import _native
from ..quiet import quiet
from .context_labels import label_text
from .frame_filter import FrameFilter
from .live import LivePath, PathReading
from .sampled import GONE, SOURCE, SampledHeap, estimate
from .samples import Reading

_Identity = tuple[int, int, int]
_Key = tuple[tuple[Frame, ...], int, str, int]


@internal
class _Group:
    """The samples of one path, by their identity: size, interval, and whether the stack was cut."""

    __slots__ = ("drawn", "key", "salt")

    def __init__(self, key: _Key, salt: int) -> None:
        self.key, self.salt = key, salt
        self.drawn: dict[_Identity, tuple[int, float, bool]] = {}


@internal
class LivePaths:
    """Reads *heap*, which samples; one thread at a time."""

    def __init__(self, heap: SampledHeap) -> None:
        self._heap = heap
        self._begin()

    def _begin(self) -> None:
        self._begun = self._heap.begun
        self._known: set[_Identity] = set()
        self._samples: dict[_Identity, _Group | None] = {}  # None: memwatch's own, or from before the start
        self._groups: dict[_Key, _Group] = {}
        self._paths: dict[_Group, LivePath] = {}
        self._names: dict[int, str] = {}

    def read(self) -> PathReading:
        """What the program holds of what it allocated since the start. Raises NotStartedError."""
        if not self._heap.running:
            raise NotStartedError(GONE)
        if self._begun != self._heap.begun:
            self._begin()
        self._heap.follow()
        with quiet:
            stats, reading = _native.sampling_stats(), Reading()
            for group in self._changed(reading) | self._renamed():
                self._renew(group)
        paths = tuple(self._paths.values())
        notes = self._heap.notes(sum([path.cut for path in paths]), stats)
        return PathReading(paths, SOURCE, round(stats["interval"]), notes)

    def _changed(self, reading: Reading) -> set[_Group]:
        """Bring the groups up to date; those that are not what they were."""
        now = dict(zip(reading.identities(), count(), strict=False))
        known, self._known = self._known, set(now)  # sets keep the hashes, which views would work out once more
        changed: set[_Group] = set()
        for identity in known - self._known:
            group = self._samples.pop(identity)
            if group is not None:
                del group.drawn[identity]
                changed.add(group)
        frame_filter, keys = FrameFilter(), dict[tuple[int, int, int], _Group | None]()
        for identity in self._known - known:
            size, birth, interval, thread, stack, _, _, label = reading.row(now[identity])
            place = stack, thread, label
            if place not in keys:
                keys[place] = self._find(reading, frame_filter, *place)
            group = self._samples[identity] = keys[place] if birth >= self._begun else None
            if group is not None:
                group.drawn[identity] = size, interval, self._heap.is_cut(*reading.stack(stack))
                changed.add(group)
        return changed

    def _renamed(self) -> set[_Group]:
        """Groups of threads that have another name now."""
        before, self._names = self._names, self._heap.threads.names({thread for _, thread, _, _ in self._groups})
        other = {number for number, name in self._names.items() if before.get(number, name) != name}
        return {group for group in self._groups.values() if group.key[1] in other} if other else set()

    def _find(self, reading: Reading, frame_filter: FrameFilter, stack: int, thread: int, label: int) -> _Group | None:
        """The group of a sample; None if it is memwatch's own."""
        steps, cut = reading.stack(stack)
        part = reading.program_part(frame_filter, steps[: self._heap.depth])
        if part is None:
            return None
        places = tuple([reading.places[step] for step in reversed(part)]) if part else (NOWHERE,)
        key = places, thread, reading.task(steps, cut), label
        if key not in self._groups:
            salt = hash((self._begun, thread, label, *[reading.places[step].line for step in steps]))
            self._groups[key] = _Group(key, salt)
        return self._groups[key]

    def _renew(self, group: _Group) -> None:
        drawn = group.drawn.values()
        sizes = estimate([(size, interval) for size, interval, _ in drawn], group.salt)
        if not drawn:
            del self._groups[group.key]
        if sizes:
            places, thread, task, label = group.key
            cut = sum([is_cut for _, _, is_cut in drawn])
            self._paths[group] = LivePath(places, self._names[thread], task, label_text(label), sizes, len(drawn), cut)
        else:
            self._paths.pop(group, None)
