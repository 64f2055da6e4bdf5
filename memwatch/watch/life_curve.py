"""What a life held at each age, in few numbers that can be compared with those of other lives.

Ages are a ladder, each 15 % above the one before, so that a minute and a week take a hundred numbers. Each number is
the least reading of its stretch, for work in flight only ever adds to what a program holds.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..internal import internal

RATIO = 1.15
STEPS = 8
"""So many stretches make an age three times as high."""


def age_of(index: int) -> float:
    """Seconds of age at which a stretch ends; the first is a second."""
    return RATIO**index


@internal
class LifeCurve:
    """The least readings of the stretches that are over; `add` takes readings in the order of their age, in seconds."""

    def __init__(self) -> None:
        self.points: list[int] = []
        self._low = 0

    def add(self, age: float, value: int) -> bool:
        """Take a reading; whether a stretch has ended with it."""
        before = len(self.points)
        while age > age_of(len(self.points)):
            self.points.append(self._low or value)
            self._low = 0
        if not self._low or value < self._low:
            self._low = value
        return len(self.points) > before


def make_curve(readings: Iterable[tuple[float, int]]) -> tuple[int, ...]:
    """The points of a life's curve from all of its readings, (age, bytes)."""
    curve = LifeCurve()
    for age, value in readings:
        curve.add(age, value)
    return tuple(curve.points)
