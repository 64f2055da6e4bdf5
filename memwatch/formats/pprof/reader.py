"""Reads pprof's `profile.proto`, gzipped or not, from any producer.

Of several columns of numbers it takes the one that is asked for, else the memory in use, else the profile's own
default, and the number of objects that belongs to it. Numbers that are no bytes are not read:
they would be shown as memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ...calltree import ROOT, CallTree, Stack
from ...errors import FormatError
from ...frames import Frame
from ...treebuilder import build
from ..checks import check_depth, digits
from ..packed import unpack
from . import fields as tag
from .protobuf import fields_of, integers, signed
from .writer import LIVE_ONLY

_NANO = 1_000_000_000
_PREFERRED = "inuse_space"
_OURS = "memwatch "


def read(data: bytes, sample_type: str | None = None) -> CallTree:
    """The tree in *data*, by its numbers of *sample_type*, such as ``alloc_space``. Raises FormatError."""
    return _Profile(unpack(data), sample_type).tree()


class _Message:
    """A message that was read: every field's values in their order."""

    def __init__(self, value: int | bytes) -> None:
        if isinstance(value, int):
            raise FormatError("broken protobuf: a number where a message should be")
        self.fields: dict[int, list[int | bytes]] = defaultdict(list)
        for field, found in fields_of(value):
            self.fields[field].append(found)

    def number(self, field: int) -> int:
        """The last value of an integer field, unsigned; 0 if there is none."""
        value = (self.fields.get(field) or [0])[-1]
        if not isinstance(value, int):
            raise FormatError(f"broken protobuf: field {field} is no number")
        return value

    def integers(self, field: int) -> list[int]:
        """All integers of a repeated field, unsigned."""
        return [number for value in self.fields.get(field, ()) for number in integers(value)]

    def messages(self, field: int) -> Iterator[_Message]:
        """The messages of a repeated field."""
        return map(_Message, self.fields.get(field, ()))


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which of a sample's numbers are its bytes and which its count (None: none)."""

    size: int
    count: int | None


class _Profile:
    """A profile with its tables: texts by index, functions and places by id."""

    def __init__(self, data: bytes, sample_type: str | None) -> None:
        self.message = _Message(data)
        self.texts = [_decode(value) for value in self.message.fields.get(tag.Profile.STRING, ())]
        self.types = [self._value_type(found) for found in self.message.messages(tag.Profile.SAMPLE_TYPE)]
        if not self.types or not self.texts:
            raise FormatError("no pprof profile: it has no sample types")
        self.columns = self._columns(sample_type)
        self.functions = {found.number(tag.Function.ID): found for found in self._messages(tag.Profile.FUNCTION)}
        self.mappings = {found.number(tag.Mapping.ID): found for found in self._messages(tag.Profile.MAPPING)}
        self.places = {
            found.number(tag.Location.ID): self._place(found) for found in self._messages(tag.Profile.LOCATION)
        }

    def _messages(self, field: int) -> Iterator[_Message]:
        return self.message.messages(field)

    def _text(self, index: int) -> str:
        if index >= len(self.texts):
            raise FormatError(f"truncated profile: there is no text {index} among {len(self.texts):,}")
        return self.texts[index]

    def _value_type(self, found: _Message) -> tuple[str, str]:
        return self._text(found.number(tag.ValueType.TYPE)), self._text(found.number(tag.ValueType.UNIT))

    def _columns(self, sample_type: str | None) -> _Columns:
        names = [kind for kind, _ in self.types]
        usual = self._text(self.message.number(tag.Profile.DEFAULT_SAMPLE_TYPE))
        in_bytes = [kind for kind, unit in self.types if unit == "bytes"]
        if sample_type is not None and sample_type not in in_bytes:
            raise FormatError(f"it has no {sample_type!r} in bytes; it has {self._describe_types()}")
        if not in_bytes:
            raise FormatError(f"it is no memory profile: its numbers are {self._describe_types()}")
        chosen = sample_type or next((name for name in (_PREFERRED, usual) if name in in_bytes), in_bytes[-1])
        size = names.index(chosen)
        partner = chosen.removesuffix("space") + "objects"
        counts = [index for index, (_, unit) in enumerate(self.types) if unit == "count" and index != size]
        if partner in names:
            counts = [names.index(partner)]
        return _Columns(size, counts[0] if len(counts) == 1 else None)

    def _describe_types(self) -> str:
        return ", ".join(f"{kind} ({unit})" for kind, unit in self.types)

    def _place(self, location: _Message) -> tuple[Frame, ...]:
        """The frames at a place, outermost first; an address in a file where there are no names."""
        lines = [self._frame(line) for line in location.messages(tag.Location.LINE)]
        if lines:
            return tuple(reversed(lines))
        mapping = self.mappings.get(location.number(tag.Location.MAPPING))
        file = self._text(mapping.number(tag.Mapping.FILENAME)) if mapping else ""
        return (Frame(hex(location.number(tag.Location.ADDRESS)), file),)

    def _frame(self, line: _Message) -> Frame:
        function = self.functions.get(line.number(tag.Line.FUNCTION))
        if function is None:
            raise FormatError(f"truncated profile: there is no function {line.number(tag.Line.FUNCTION)}")
        return Frame(
            self._text(function.number(tag.Function.NAME)),
            self._text(function.number(tag.Function.FILENAME)),
            max(0, signed(line.number(tag.Line.LINE))),
            max(0, signed(line.number(tag.Line.COLUMN))),
            max(0, signed(function.number(tag.Function.START_LINE))),
        )

    def _stack(self, sample: _Message) -> Stack:
        values = [signed(value) for value in sample.integers(tag.Sample.VALUE)]
        if len(values) != len(self.types):
            raise FormatError(f"a sample has {len(values)} numbers for {len(self.types)} sample types")
        frames: list[Frame] = []
        for place in reversed(sample.integers(tag.Sample.LOCATION)):
            if place not in self.places:
                raise FormatError(f"truncated profile: there is no location {place}")
            frames += self.places[place]
            check_depth(len(frames))
        size_bytes = values[self.columns.size]
        count = 0 if self.columns.count is None else values[self.columns.count]
        size = self._size(sample)
        known = count != 0 and size * count == size_bytes
        path = () if frames == [ROOT] else tuple(frames)
        return Stack(path, size_bytes, count, ((size, count),) if known else ())

    def _size(self, sample: _Message) -> int:
        """The size of each of the allocations, from the label `bytes`; 0 without one."""
        for label in sample.messages(tag.Sample.LABEL):
            if self._text(label.number(tag.Label.KEY)) == "bytes":
                return signed(label.number(tag.Label.NUMBER))
        return 0

    def tree(self) -> CallTree:
        """The tree of all samples, and what the profile says of itself."""
        comments = [self._text(index) for index in self.message.integers(tag.Profile.COMMENT)]
        ours = dict(text.removeprefix(_OURS).split(": ", 1) for text in comments if _says(text))
        notes = [text for text in comments if not _says(text) and text != LIVE_ONLY]
        return CallTree(
            build(map(self._stack, self._messages(tag.Profile.SAMPLE))),
            name=ours.get("name", "heap"),
            source=ours.get("source", ""),
            sample_interval=max(1, signed(self.message.number(tag.Profile.PERIOD))),
            time=signed(self.message.number(tag.Profile.TIME_NANOS)) / _NANO,
            duration=signed(self.message.number(tag.Profile.DURATION_NANOS)) / _NANO,
            pid=digits(ours.get("pid", "0"), "the pid"),
            difference="difference" in ours,
            notes=tuple(notes),
        )


def _says(comment: str) -> bool:
    """Whether `write` said this of the tree."""
    return comment.startswith(tuple(f"{_OURS}{key}: " for key in ("name", "source", "pid", "difference")))


def _decode(value: int | bytes) -> str:
    if isinstance(value, int):
        raise FormatError("broken protobuf: a number where a text should be")
    return value.decode("utf-8", "replace")
