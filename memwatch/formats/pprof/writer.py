"""Writes pprof's `profile.proto`, gzipped, as Go's heap profiles are: `go tool pprof` and speedscope open it.

There are four numbers a stack, in Go's order: objects and bytes allocated so far, objects and bytes in use. memwatch
knows what is in use only. The first two repeat the last two: zeros would read as "this program never allocated", and
with other sample types than Go's the tools would no longer take the file for a heap profile. A comment in the file says
so. The numbers are estimates already and are not to be scaled by the period. A stack has a sample for each size of its
allocations, in the label `bytes`, as Go has, and for each thread and asyncio task that allocated, in the labels
`thread`, `task` and `label`. Texts that are no UTF-8 are escaped, for proto3 forbids them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

from ...calltree import ROOT, CallTree, Stack, stacks_of, walk
from ...errors import FormatError
from ...estimates import Part
from ...frames import Frame
from ..checks import storable
from . import fields as tag
from .protobuf import INT64_MAX, Message, varint

SAMPLE_TYPES = (
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
)
DEFAULT_SAMPLE_TYPE = "inuse_space"
LIVE_ONLY = "alloc_objects and alloc_space repeat the numbers in use: what was freed is not known"
_GZIP = 31  # zlib's own number for a gzip wrapper, which it writes without a time: the same tree, the same bytes
_NANO = 1_000_000_000

_Names = tuple[tuple[str, str], ...]


def write(tree: CallTree, live_only: bool = False) -> bytes:
    """The file's content. In a difference numbers may be negative, as in those that `-base` makes.

    With *live_only* there are the two numbers in use alone: for systems that keep profiles and would show the others as
    what was ever allocated. Raises FormatError if a number, or all of one sign together, is beyond 2**63 - 1.
    """
    _check_fits(tree)
    packer = zlib.compressobj(wbits=_GZIP)
    return packer.compress(bytes(_Builder(live_only).build(tree))) + packer.flush()


def _check_fits(tree: CallTree) -> None:
    size = sum(abs(node.self_bytes) for node in walk(tree.root))
    count = sum(abs(node.self_count) for node in walk(tree.root))
    if max(size, count, tree.sample_interval) > INT64_MAX:
        raise FormatError(f"pprof holds numbers up to 2**63 - 1, and here are {max(size, count):,}; write csv instead")


class _Builder:
    """A profile while it is written: each text, function and place stands in it once, under a number."""

    def __init__(self, live_only: bool) -> None:
        self.live_only = live_only
        self.profile = Message()
        self.texts = {"": 0}
        self.functions: dict[tuple[str, str, int], int] = {}
        self.locations: dict[Frame, bytes] = {}  # their numbers as they are written, for there are many in each stack

    def build(self, tree: CallTree) -> bytearray:
        """The content of the whole message."""
        for kind, unit in SAMPLE_TYPES[2:] if self.live_only else SAMPLE_TYPES:
            self.profile.data(tag.Profile.SAMPLE_TYPE, self._value_type(kind, unit))
        for stack in stacks_of(tree.root):
            self._samples(stack)
        self._mapping()
        self._about(tree)
        for text in self.texts:
            self.profile.data(tag.Profile.STRING, text.encode("utf-8"))
        return self.profile.content

    def _text(self, text: str) -> int:
        return self.texts.setdefault(storable(text), len(self.texts))

    def _value_type(self, kind: str, unit: str) -> bytearray:
        made = Message()
        made.number(tag.ValueType.TYPE, self._text(kind))
        made.number(tag.ValueType.UNIT, self._text(unit))
        return made.content

    def _samples(self, stack: Stack) -> None:
        places = b"".join(self._location(frame) for frame in reversed(stack.frames or (ROOT,)))
        for size_bytes, count, size, names in _parts(stack):
            sample = Message()
            sample.data(tag.Sample.LOCATION, places)
            sample.packed(tag.Sample.VALUE, (count, size_bytes) if self.live_only else 2 * (count, size_bytes))
            if size is not None:
                sample.data(tag.Sample.LABEL, self._size_label(size))
            for key, name in names:
                sample.data(tag.Sample.LABEL, self._name_label(key, name))
            self.profile.data(tag.Profile.SAMPLE, sample.content)

    def _name_label(self, key: str, name: str) -> bytearray:
        label = Message()
        label.number(tag.Label.KEY, self._text(key))
        label.number(tag.Label.STRING, self._text(name))
        return label.content

    def _size_label(self, size: int) -> bytearray:
        label = Message()
        label.number(tag.Label.KEY, self._text("bytes"))
        label.number(tag.Label.NUMBER, size)
        label.number(tag.Label.UNIT, self._text("bytes"))
        return label.content

    def _location(self, frame: Frame) -> bytes:
        known = self.locations.get(frame)
        if known is None:
            number = len(self.locations) + 1
            known = self.locations[frame] = varint(number)
            line = Message()
            line.number(tag.Line.FUNCTION, self._function(frame))
            line.number(tag.Line.LINE, frame.line)
            line.number(tag.Line.COLUMN, frame.column)
            location = Message()
            location.number(tag.Location.ID, number)
            location.number(tag.Location.MAPPING, 1)
            location.data(tag.Location.LINE, line.content)
            self.profile.data(tag.Profile.LOCATION, location.content)
        return known

    def _function(self, frame: Frame) -> int:
        """Its system name stays empty: pprof takes one that equals the name for C++ and cuts off what stands in ``<>``,
        so that ``<module>`` and ``<lambda>`` would become one function without a name.
        """
        key = (frame.function, frame.file, frame.first_line)
        if key not in self.functions:
            self.functions[key] = len(self.functions) + 1
            function = Message()
            function.number(tag.Function.ID, self.functions[key])
            function.number(tag.Function.NAME, self._text(frame.function))
            function.number(tag.Function.FILENAME, self._text(frame.file))
            function.number(tag.Function.START_LINE, frame.first_line)
            self.profile.data(tag.Profile.FUNCTION, function.content)
        return self.functions[key]

    def _mapping(self) -> None:
        """One that says that names and lines are known, so that no tool looks for a binary to find them in."""
        mapping = Message()
        mapping.number(tag.Mapping.ID, 1)
        for known in (tag.Mapping.HAS_FUNCTIONS, tag.Mapping.HAS_FILENAMES, tag.Mapping.HAS_LINES):
            mapping.number(known, True)
        self.profile.data(tag.Profile.MAPPING, mapping.content)

    def _about(self, tree: CallTree) -> None:
        self.profile.number(tag.Profile.TIME_NANOS, _nanoseconds(tree.time))
        self.profile.number(tag.Profile.DURATION_NANOS, _nanoseconds(tree.duration))
        self.profile.data(tag.Profile.PERIOD_TYPE, self._value_type("space", "bytes"))
        self.profile.number(tag.Profile.PERIOD, tree.sample_interval)
        self.profile.packed(tag.Profile.COMMENT, [self._text(comment) for comment in _comments(tree, self.live_only)])
        self.profile.number(tag.Profile.DEFAULT_SAMPLE_TYPE, self._text(DEFAULT_SAMPLE_TYPE))


def _parts(stack: Stack) -> Iterator[tuple[int, int, int | None, _Names]]:
    """Bytes, count and size of each kind of allocation, if they explain the stack's numbers; else the numbers alone.
    With each, who allocated it, as far as that is known.
    """
    sampled = [(part.allocations, _names(part)) for part in stack.parts]
    for pairs_by_names in (sampled, [(stack.allocations, ())]):
        pairs = [pair for some, _ in pairs_by_names for pair in some]
        explained = (sum(size * count for size, count in pairs), sum(count for _, count in pairs))
        if pairs and explained == (stack.size_bytes, stack.count):
            yield from ((size * n, n, size, names) for some, names in pairs_by_names for size, n in some)
            return
    yield stack.size_bytes, stack.count, None, ()


def _names(part: Part) -> _Names:
    """The labels of a part by their keys."""
    known = (("thread", part.thread), ("task", part.task), ("label", part.label))
    return tuple([(key, name) for key, name in known if name])


def _comments(tree: CallTree, live_only: bool) -> Iterator[str]:
    yield from (note for note in tree.notes if note != LIVE_ONLY)
    if not live_only:
        yield LIVE_ONLY
    yield f"memwatch name: {tree.name}"
    if tree.source:
        yield f"memwatch source: {tree.source}"
    if tree.pid:
        yield f"memwatch pid: {tree.pid}"
    if tree.difference:
        yield "memwatch difference: True"


def _nanoseconds(seconds: float) -> int:
    """Whole nanoseconds; 0, which is "not known", for what no clock would say."""
    if not math.isfinite(seconds) or abs(seconds) >= INT64_MAX // _NANO:
        return 0
    whole = math.floor(seconds)
    return whole * _NANO + round((seconds - whole) * _NANO)
