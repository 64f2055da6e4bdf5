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
from collections.abc import Iterable, Iterator

from ...calltree import ROOT, CallTree, Stack, stacks_of, walk
from ...errors import FormatError
from ...estimates import Part
from ...frames import Frame
from ...internal import internal
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
    encoder = Encoder(live_only)
    return encoder.write(tree, map(encoder.encode, stacks_of(tree.root)))


def _check_fits(tree: CallTree) -> None:
    size = sum(abs(node.self_bytes) for node in walk(tree.root))
    count = sum(abs(node.self_count) for node in walk(tree.root))
    if max(size, count, tree.sample_interval) > INT64_MAX:
        raise FormatError(f"pprof holds numbers up to 2**63 - 1, and here are {max(size, count):,}; write csv instead")


@internal
class Encoder:
    """Writes one profile after another: each text, function and place that it has met stands in all later ones.

    `encode` makes of a stack what `write` is given, which may be given again as long as the stack is what it was.
    `size` counts what has been met.
    """

    def __init__(self, live_only: bool = False) -> None:
        self._live_only = live_only
        self._head, self._tables, self._strings = Message(), Message(), Message()
        self._texts: dict[str, int] = {}
        self._functions: dict[tuple[str, str, int], int] = {}
        self._locations: dict[Frame, bytes] = {}  # their numbers as they are written, for there are many in each stack
        self._text("")
        for kind, unit in SAMPLE_TYPES[2:] if live_only else SAMPLE_TYPES:
            self._head.data(tag.Profile.SAMPLE_TYPE, self._value_type(kind, unit))
        self._mapping()

    @property
    def size(self) -> int:
        """How many places and texts there are."""
        return len(self._locations) + len(self._texts)

    def write(self, about: CallTree, samples: Iterable[bytes], level: int = -1) -> bytes:
        """The file's content: *samples*, and what the tree says of itself; *level* is zlib's."""
        end = Message()
        self._about(end, about)
        packer = zlib.compressobj(level, wbits=_GZIP)
        parts = self._head.content + b"".join(samples) + self._tables.content + end.content + self._strings.content
        return packer.compress(parts) + packer.flush()

    def _text(self, text: str) -> int:
        known = self._texts.get(text)
        if known is None and (known := self._texts.get(stored := storable(text))) is None:
            known = self._texts[stored] = len(self._texts)
            self._strings.data(tag.Profile.STRING, stored.encode("utf-8"))
        return known

    def _value_type(self, kind: str, unit: str) -> bytearray:
        made = Message()
        made.number(tag.ValueType.TYPE, self._text(kind))
        made.number(tag.ValueType.UNIT, self._text(unit))
        return made.content

    def encode(self, stack: Stack) -> bytes:
        """The samples of *stack*."""
        made = Message()
        places = b"".join(self._location(frame) for frame in reversed(stack.frames or (ROOT,)))
        for size_bytes, count, size, names in _parts(stack):
            sample = Message()
            sample.data(tag.Sample.LOCATION, places)
            sample.packed(tag.Sample.VALUE, (count, size_bytes) if self._live_only else 2 * (count, size_bytes))
            if size is not None:
                sample.data(tag.Sample.LABEL, self._size_label(size))
            for key, name in names:
                sample.data(tag.Sample.LABEL, self._name_label(key, name))
            made.data(tag.Profile.SAMPLE, sample.content)
        return bytes(made.content)

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
        known = self._locations.get(frame)
        if known is None:
            number = len(self._locations) + 1
            known = self._locations[frame] = varint(number)
            line = Message()
            line.number(tag.Line.FUNCTION, self._function(frame))
            line.number(tag.Line.LINE, frame.line)
            line.number(tag.Line.COLUMN, frame.column)
            location = Message()
            location.number(tag.Location.ID, number)
            location.number(tag.Location.MAPPING, 1)
            location.data(tag.Location.LINE, line.content)
            self._tables.data(tag.Profile.LOCATION, location.content)
        return known

    def _function(self, frame: Frame) -> int:
        """Its system name stays empty: pprof takes one that equals the name for C++ and cuts off what stands in ``<>``,
        so that ``<module>`` and ``<lambda>`` would become one function without a name.
        """
        key = (frame.function, frame.file, frame.first_line)
        if key not in self._functions:
            self._functions[key] = len(self._functions) + 1
            function = Message()
            function.number(tag.Function.ID, self._functions[key])
            function.number(tag.Function.NAME, self._text(frame.function))
            function.number(tag.Function.FILENAME, self._text(frame.file))
            function.number(tag.Function.START_LINE, frame.first_line)
            self._tables.data(tag.Profile.FUNCTION, function.content)
        return self._functions[key]

    def _mapping(self) -> None:
        """One that says that names and lines are known, so that no tool looks for a binary to find them in."""
        mapping = Message()
        mapping.number(tag.Mapping.ID, 1)
        for known in (tag.Mapping.HAS_FUNCTIONS, tag.Mapping.HAS_FILENAMES, tag.Mapping.HAS_LINES):
            mapping.number(known, True)
        self._head.data(tag.Profile.MAPPING, mapping.content)

    def _about(self, end: Message, tree: CallTree) -> None:
        end.number(tag.Profile.TIME_NANOS, _nanoseconds(tree.time))
        end.number(tag.Profile.DURATION_NANOS, _nanoseconds(tree.duration))
        end.data(tag.Profile.PERIOD_TYPE, self._value_type("space", "bytes"))
        end.number(tag.Profile.PERIOD, tree.sample_interval)
        end.packed(tag.Profile.COMMENT, [self._text(comment) for comment in _comments(tree, self._live_only)])
        end.number(tag.Profile.DEFAULT_SAMPLE_TYPE, self._text(DEFAULT_SAMPLE_TYPE))


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
