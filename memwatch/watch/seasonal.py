"""Leaks that hide under a daily cycle: each hour is compared with the same hour of the day before."""

from __future__ import annotations

from statistics import median

from .sample import Growth, Lane, Level, Sample

_HOUR = 3600
_DAY = 24
_PAIRS = 3
_KEPT = (_PAIRS + 1) * _DAY
_HOURS_NEEDED = 20
_RISING_SHARE = 0.90
_DAY_SHARE = 0.5
_STEADY = 0.6
_MASS = 0.01
_FLOOR = 1 << 20
_FORECAST = 0.25


class Seasonal:
    """Compares the least reading of each hour over four days, by wall clock; hours without a reading are left out.

    Growth from day to day in nine hours of ten is suspect after two days in a row, and a leak after three. The next
    report takes twice as many days as the one before, until growth has stopped for as long.
    """

    name = "seasonal"

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self._hours: dict[int, int] = {}
        self._hour = 0
        self._low = 0
        self._suspected = False
        self._silent_until = 0
        self._pause = _PAIRS * _DAY
        self._due: tuple[int, float] | None = None

    def update(self, sample: Sample) -> Growth | None:
        """Take in a reading; at the end of an hour, growth that became suspect, a leak, or stopped after one."""
        value = sample.base if self.lane == "base" else sample.rss
        if value <= 0:
            return None
        hour = int(sample.time // _HOUR)
        if hour <= self._hour and self._hour - hour < _DAY and self._low:
            if value < self._low:
                self._low = value
            return None
        return self._turn(hour, value)

    def dismiss(self) -> None:
        """Forget the suspicion; ask again only after twice as many days."""
        self._silent_until = self._hour + 2 * self._pause
        self._pause *= 2
        self._suspected = False
        self._due = None
