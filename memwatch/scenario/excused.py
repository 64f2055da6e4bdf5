"""What may grow in a test and is no leak: bounded caches, and the test run's records.

pytest keeps the log and the output of a test, warnings and what monkeypatch has to undo; unittest the logs that a test
waits for; a mock every call. None of it outlives the test, so it says nothing about the code that is tested.
"""

from __future__ import annotations

import io
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..backend.type_labels import type_label
from ..internal import internal
from ..retain import ATTRIBUTES, Holding

_RECORDS = frozenset(("warnings.WarningMessage", "_py_warnings.WarningMessage"))
_RECORDERS = frozenset(("unittest.mock._CallList",))
_OWNERS = ("_pytest.",)


def _text_bytes(stream: io.StringIO) -> int:
    """The size of *stream*; before 3.12 what was written is many strings until somebody asks for it."""
    with suppress(ValueError):  # it is closed
        io.StringIO.getvalue(stream)
    return io.StringIO.__sizeof__(stream)


_STREAMS: tuple[tuple[type, Callable[[Any], int], frozenset[str]], ...] = (
    (io.StringIO, _text_bytes, frozenset(("str",))),
    (io.BytesIO, io.BytesIO.__sizeof__, frozenset(("bytes",))),
)
"""Streams in memory, how large one is, and the types that a census may count its buffer for beside its own."""


@internal
class Records:
    """The containers in which the test run under way records what the tested code does."""

    __slots__ = ("containers",)

    def __init__(self) -> None:
        self.containers: list[object] = [*_logs(), *_outputs()]

    def stream_bytes(self) -> Mapping[str, int]:
        """The bytes of those that are streams in memory, by each type label that they may be counted for."""
        sizes: Counter[str] = Counter()
        for stream in self.containers:
            kind = type(stream)
            for base, size_of, parts in _STREAMS:
                if issubclass(kind, base):
                    sizes.update(dict.fromkeys({type_label(kind), *parts}, size_of(stream)))
        return dict(sizes)


def is_excused(holding: Holding) -> bool:
    """Whether what *holding* tells of is bounded, or a test run's record."""
    if holding.is_bounded:
        return True
    return holding.frontier_type in _RECORDS or holding.holder_type in _RECORDERS or _is_runner_s(holding)


def _is_runner_s(holding: Holding) -> bool:
    """Whether the holder is a field of one of the test runner's objects, as what monkeypatch has to undo."""
    steps = [step for step in holding.path.steps if not step.bare]
    return len(steps) > 1 and steps[-1].edge.kind in ATTRIBUTES and steps[-2].type.startswith(_OWNERS)


def _logs() -> Iterator[object]:
    """What pytest's and unittest's log handlers have gathered, on whatever logger they sit."""
    named = [logger for logger in logging.root.manager.loggerDict.values() if type(logger) is logging.Logger]
    for handler in {handler for logger in (logging.root, *named) for handler in logger.handlers}:
        fields = vars(handler)
        if type_label(type(handler)) == "_pytest.logging.LogCaptureHandler":
            yield from (fields["records"], fields["stream"])
        elif type_label(type(handler)) == "unittest._log._CapturingHandler":
            yield from fields["watcher"]


def _outputs() -> Iterator[object]:
    """Standard output and error where they go to memory."""
    for stream in (sys.stdout, sys.stderr):
        if issubclass(type(stream), io.StringIO):
            yield stream
        elif issubclass(type(stream), io.TextIOWrapper):
            yield io.TextIOWrapper.buffer.__get__(stream)
