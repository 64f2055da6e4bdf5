"""How fast memory grows, over the last 10 minutes, hour and day, from readings in bounded space.

A window is cut into equal slots, and of each slot the least reading is kept with its time: what is taken for a moment
and given back does not count. The rate is the median of the slopes between all pairs of them (Theil and Sen), so that
a few odd readings have no say. A window that has not been watched for its whole length has no rate: the start of a
program would be taken for growth.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

from ..internal import internal
from .sample import MeterName, Sample

WINDOWS = (600, 3600, 86400)
"""Seconds."""

_SLOTS = 24
_NAMES = {600: "10m", 3600: "1h", 86400: "24h"}


@internal
class Rate(NamedTuple):
    """`meter` has grown by so many bytes a second over the last `seconds`; None: not known yet."""

    meter: MeterName
    seconds: int
    bytes_per_second: float | None

    @property
    def window(self) -> str:
        """``10m``, ``1h`` or ``24h``."""
        return _NAMES[self.seconds]


@internal
class Window:
    """One meter over one length of time. What closes a slot is passed on to a *longer* window."""

    def __init__(self, seconds: int, longer: Window | None = None) -> None:
        self.seconds = seconds
        self._slot = seconds / _SLOTS
        self._longer = longer
        self._closes = 0.0
        self._first = self._when = 0.0
        self._least = -1.0  # of the slot under way; there is none before the first reading
        self._points = array("d")  # time and least reading of each closed slot, replaced whole: another thread reads it
        self._rated: tuple[array[float], float | None] = self._points, None

    def add(self, clock: float, value: float) -> None:
        """Take a reading."""
        if self._least < 0.0:
            self._first = clock
            self._open(clock, value)
        elif clock >= self._closes:
            self._points = self._points[-2 * _SLOTS :] + array("d", (self._when, self._least))
            if self._longer is not None:
                self._longer.add(self._when, self._least)
            self._open(clock, value)
        elif value < self._least:
            self._when, self._least = clock, value

    def rate(self) -> float | None:
        """Bytes a second; None while the window is not full. A slot without a reading is left out."""
        points, (rated, rate) = self._points, self._rated
        if points is not rated:
            rate = self._compute(points)
            self._rated = points, rate
        return rate

    def _open(self, clock: float, value: float) -> None:
        self._when, self._least, self._closes = clock, value, clock + self._slot

    def _compute(self, points: array[float]) -> float | None:
        last = points[-2]
        if last - self._first < self.seconds - 2 * self._slot:
            return None
        kept = [at for at in zip(points[::2], points[1::2], strict=True) if last - at[0] <= self.seconds]
        slopes = [
            (after[1] - before[1]) / (after[0] - before[0])
            for number, before in enumerate(kept)
            for after in kept[number + 1 :]
        ]
        return _median(slopes) if slopes else None


@internal
class Rates:
    """The growth of base and resident memory. Written by memwatch's thread, read by any."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As if there had been no reading yet."""
        self._meters: dict[MeterName, list[Window]] = {"base": _make_windows(), "rss": _make_windows()}

    def add(self, sample: Sample) -> None:
        """Take the reading of a tick."""
        self._meters["base"][0].add(sample.clock, sample.base)
        self._meters["rss"][0].add(sample.clock, sample.rss)

    def read(self) -> tuple[Rate, ...]:
        """A rate for each meter and window."""
        return tuple(
            Rate(meter, window.seconds, window.rate()) for meter, windows in self._meters.items() for window in windows
        )


def _make_windows() -> list[Window]:
    """From the shortest on."""
    made: list[Window] = []
    longer: Window | None = None
    for seconds in reversed(WINDOWS):
        longer = Window(seconds, longer)
        made.insert(0, longer)
    return made


def _median(values: list[float]) -> float:
    """As `statistics.median`, whose module is half a MiB that every watched process would have."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2
