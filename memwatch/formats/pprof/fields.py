"""The field numbers of pprof's `profile.proto`, by message.
https://github.com/google/pprof/blob/main/proto/profile.proto

The wire carries nothing but these numbers. What memwatch neither writes nor reads is not listed.
"""

from __future__ import annotations

from enum import IntEnum


class Profile(IntEnum):
    """The file. Texts stand once in `STRING`, whose first is empty; all others are indices into it."""

    SAMPLE_TYPE = 1  # message ValueType, repeated
    SAMPLE = 2  # message Sample, repeated
    MAPPING = 3  # message Mapping, repeated
    LOCATION = 4  # message Location, repeated
    FUNCTION = 5  # message Function, repeated
    STRING = 6  # text, repeated
    TIME_NANOS = 9  # int64
    DURATION_NANOS = 10  # int64
    PERIOD_TYPE = 11  # message ValueType
    PERIOD = 12  # int64
    COMMENT = 13  # index of a text, repeated
    DEFAULT_SAMPLE_TYPE = 14  # index of a text


class ValueType(IntEnum):
    """What a column of numbers means."""

    TYPE = 1  # index of a text
    UNIT = 2  # index of a text


class Sample(IntEnum):
    """A stack and its numbers, one for each sample type."""

    LOCATION = 1  # ids, packed, innermost first
    VALUE = 2  # int64, packed
    LABEL = 3  # message Label, repeated


class Label(IntEnum):
    """A remark on a sample."""

    KEY = 1  # index of a text
    STRING = 2  # index of a text
    NUMBER = 3  # int64
    UNIT = 4  # index of a text


class Mapping(IntEnum):
    """A file that is loaded into the process."""

    ID = 1
    FILENAME = 5  # index of a text
    HAS_FUNCTIONS = 7  # bool, as the two that follow
    HAS_FILENAMES = 8
    HAS_LINES = 9


class Location(IntEnum):
    """A place in the code; several lines where functions are inlined, innermost first."""

    ID = 1
    MAPPING = 2  # id
    ADDRESS = 3  # uint64
    LINE = 4  # message Line, repeated


class Line(IntEnum):
    """A line of a function."""

    FUNCTION = 1  # id
    LINE = 2  # int64
    COLUMN = 3  # int64


class Function(IntEnum):
    """A function and where its definition begins."""

    ID = 1
    NAME = 2  # index of a text
    FILENAME = 4  # index of a text
    START_LINE = 5  # int64
