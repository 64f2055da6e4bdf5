"""Leaks that hide under a daily cycle: each hour is compared with the same hour of the day before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..internal import internal
from .contract import Detector
from .sample import Growth, Level, MeterName, Sample

_HOUR = 3600
_DAY = 24
_SUSPECT_DAYS = 2
_LEAK_DAYS = 3
_KEPT = (_LEAK_DAYS + 1) * _DAY
_PAUSE = 2 * _LEAK_DAYS * _DAY  # hours of silence after the first leak
_HOURS_NEEDED = 20  # of a day, to compare it with another
_RISING_SHARE = 0.90  # of these hours
_EVEN = 1.3  # times the mean of a day: no day may bring more
_STEADY = 0.7  # of what the first day brought: the last must bring as much
_MASS = 0.01  # of the base: less is no leak
_FLOOR = 1 << 20  # bytes, likewise
_FORECAST = 0.25  # of the mean of a day before: a day that brings less ends the leak


def median(values: Iterable[float]) -> float:
    """As `statistics.median`, whose module takes long to import."""
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


@internal
class _Rise(NamedTuple):
    """The same hours over `days` days: where they began (bytes, their median), and by how much they went up."""

    days: int
    before: float
    growth: float


def _rise(hours: dict[int, int], last: int, days: int) -> _Rise | None:
    """How the day that ends with the hour `last` stands above the one `days` before; None unless each day rose."""
    steps = []
    for day in range(days, 0, -1):
        ends = [last - (day - 1) * _DAY - k for k in range(_DAY)]
        changes = [hours[h] - hours[h - _DAY] for h in ends if h in hours and h - _DAY in hours]
        if len(changes) < _HOURS_NEEDED or sum(c > 0 for c in changes) < _RISING_SHARE * len(changes):
            return None
        steps.append(median(changes))
    before = median(hours[h] for h in range(last - days * _DAY - _DAY + 1, last - days * _DAY + 1) if h in hours)
    growth = sum(steps)
    even = max(steps) <= _EVEN / days * growth and steps[-1] >= _STEADY * steps[0]
    return _Rise(days, before, growth) if even and growth >= max(_FLOOR, _MASS * before) else None


@internal
class Seasonal(Detector):
    """Compares the least reading of each hour over four days, by wall clock; hours without a reading are left out.

    Growth from day to day in nine hours of ten is suspect after two days in a row and a leak after three. Then it is
    silent for six days, the next time for twelve, and so on, until no day rises any more.
    """

    name = "seasonal"

    def __init__(self, meter: MeterName) -> None:
        self.meter = meter
        self._hours: dict[int, int] = {}
        self._hour: int | None = None
        self._low = 0
        self._suspected = False
        self._seen = 0
        self._pause = _PAUSE
        self._silent_until = 0
        self._forecast: tuple[int, _Rise] | None = None
        self._before: tuple[int, int, tuple[int, _Rise] | None] | None = None

    def update(self, sample: Sample) -> Growth | None:
        """Take in a reading; at the end of an hour, growth that became suspect, a leak, or stopped after one."""
        value = sample.reading(self.meter)
        if value <= 0:
            return None
        hour = int(sample.time // _HOUR)
        last = self._hour
        if last is not None and last - _DAY < hour <= last:
            self._low = min(self._low, value)
            return None
        low, self._hour, self._low = self._low, hour, value
        if last is None or hour <= last:
            self._hours.clear()
            return None
        self._hours[last] = low
        for old in [h for h in self._hours if h <= last - _KEPT]:
            del self._hours[old]
        return self._judge(last, sample.time)

    def withdraw(self) -> None:
        """The last leak is not published: all is as it was before."""
        if self._before is not None:
            self._silent_until, self._pause, self._forecast = self._before
            self._before = None

    def dismiss(self, growth: Growth) -> None:
        """*growth* is none: forget the suspicion, and be silent for as long as after a leak.

        A leak that was published before is still followed to its end.
        """
        if growth.detector == self.name and self._suspected:
            self._fall_silent(self._seen)
            self._suspected = False

    def _fall_silent(self, hour: int) -> None:
        self._silent_until = hour + self._pause
        self._pause *= 2

    def _judge(self, hour: int, now: float) -> Growth | None:
        recovered = self._recovered(hour, now)
        if recovered is not None:
            return recovered
        rise = _rise(self._hours, hour, _SUSPECT_DAYS)
        if rise is None:
            self._forget(hour)
            return None
        self._seen = hour
        if hour < self._silent_until:
            return None
        if not self._suspected:
            self._suspected = True
            return self._growth("suspect", rise, now)
        rise = _rise(self._hours, hour, _LEAK_DAYS)
        if rise is None:
            return None
        self._before = (self._silent_until, self._pause, self._forecast)
        self._fall_silent(hour)
        self._forecast = (hour + _DAY, rise)
        return self._growth("leak", rise, now)

    def _forget(self, hour: int) -> None:
        """A suspicion that no hour of the last three days renewed is over."""
        if hour - self._seen > _LEAK_DAYS * _DAY:
            self._suspected, self._pause, self._silent_until = False, _PAUSE, 0

    def _recovered(self, hour: int, now: float) -> Growth | None:
        """Day after day since a leak was published: did that day grow by less than a quarter of the mean before?"""
        if self._forecast is None or hour < self._forecast[0]:
            return None
        rise, hours = self._forecast[1], self._hours
        day = range(hour - _DAY + 1, hour + 1)
        changes = [hours[h] - hours[h - _DAY] for h in day if h in hours and h - _DAY in hours]
        if not changes or median(changes) >= _FORECAST * rise.growth / rise.days:
            self._forecast = (hour + _DAY, rise)
            return None
        self._forecast, self._suspected = None, False
        return self._growth("recovered", _Rise(1, rise.before + rise.growth, median(changes)), now)

    def _growth(self, level: Level, rise: _Rise, now: float) -> Growth:
        seconds = float(rise.days * _DAY * _HOUR)
        return Growth(
            level=level,
            detector=self.name,
            meter=self.meter,
            start=now - seconds,
            end=now,
            seconds=seconds,
            before=round(rise.before),
            growth=round(rise.growth),
            count=rise.days,
            unit="days",
        )
