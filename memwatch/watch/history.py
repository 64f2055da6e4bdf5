"""The samples of a whole life in bounded space: when there are too many, every second one goes.

They are kept as numbers in arrays that are there from the start, so that the collector sees no object more with a
reading: a test suite of the program that counts objects to find leaks must not find memwatch's.
"""

from __future__ import annotations

from array import array
from typing import Any, get_args

from ..internal import internal
from .sample import Sample, Trigger

KEPT = 256

_TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)
_NAMES = Sample._fields
_NONE = float("nan")
_FLOATS = frozenset(("time", "clock", "gc_seconds"))


@internal
class History:
    """At most `KEPT` samples, evenly spread from the first to the newest; the newest is always there."""

    def __init__(self) -> None:
        self._columns = {name: array("d", bytes(8 * (KEPT + 1))) for name in _NAMES}
        self._meters: list[tuple[str, ...]] = []  # each once: they hardly ever change
        self._kept = 0
        self._stride = 1
        self._seen = 0
        self._newest_is_kept = False

    def add(self, sample: Sample) -> None:
        """Take *sample* in."""
        self._write(self._kept, sample)
        self._newest_is_kept = self._seen % self._stride == 0
        if self._newest_is_kept:
            self._kept += 1
            if self._kept >= KEPT:
                self._thin_out(sample)
        self._seen += 1

    @property
    def seen(self) -> int:
        """How many samples were added in all."""
        return self._seen

    def samples(self) -> tuple[Sample, ...]:
        """What is kept, oldest first."""
        there = self._kept + (self._seen > 0 and not self._newest_is_kept)
        return tuple(map(self._read, range(there)))

    def _thin_out(self, newest: Sample) -> None:
        """Every second one goes, so of an even number the newest."""
        self._kept, self._stride, self._newest_is_kept = KEPT // 2, 2 * self._stride, False
        for column in self._columns.values():
            column[: self._kept] = column[:KEPT:2]
        self._write(self._kept, newest)

    def _write(self, row: int, sample: Sample) -> None:
        for name, column in self._columns.items():
            column[row] = self._as_number(name, getattr(sample, name))

    def _as_number(self, name: str, value: Any) -> float:
        if name == "trigger":
            return _TRIGGERS.index(value)
        if name == "meters":
            if value not in self._meters:
                self._meters.append(value)
            return self._meters.index(value)
        return _NONE if value is None else float(value)

    def _read(self, row: int) -> Sample:
        return Sample(**{name: self._as_value(name, column[row]) for name, column in self._columns.items()})

    def _as_value(self, name: str, number: float) -> Any:
        if name in _FLOATS:
            return number
        if number != number:  # not a number
            return None
        if name == "trigger":
            return _TRIGGERS[int(number)]
        return self._meters[int(number)] if name == "meters" else int(number)
