"""The bytes of each type from reading to reading: which types only ever grow."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..checks import check_whole
from ..internal import internal
from .census import Census

FEWEST = 4  # readings, of which halves can be compared
_SOON = 0.05  # of the time between two readings, on average: what grows slowly has not grown by more than noise then
_COLUMNS = 4  # of a reading that is kept
_TIME, _BYTES, _WORK, _COUNT = range(_COLUMNS)

Totals = Mapping[str, tuple[int, int]]
"""By type label: how many objects, and their bytes together."""


@internal
@dataclass(frozen=True, slots=True)
class MonotoneType:
    """A type whose bytes did not fall at any of the last `readings`, over `seconds`, and grew by `growth` together.

    `monotone_share` is the share of the steps between them at which it did grow; `objects` is by how many it did.
    `steadiness` is its speed in the second half of the readings as a part of that in the first, in bytes; `flow` the
    same in objects, by the clock or by the work that was done meanwhile, whichever has slowed less.
    """

    what: str
    readings: int
    growth: int
    monotone_share: float
    objects: int
    seconds: float
    steadiness: float = 1.0
    flow: float = 1.0


@internal
@dataclass(slots=True)
class _Streak:
    """One type since it last fell, or was first seen."""

    begun: float
    begun_work: float
    first_bytes: int
    first_count: int
    last_bytes: int
    last_count: int
    readings: int = 1
    rises: int = 0
    points: array[float] = field(default_factory=lambda: array("d"))

    @property
    def growth(self) -> int:
        """Bytes since the streak began."""
        return self.last_bytes - self.first_bytes

    @property
    def steadiness(self) -> float:
        """The speed of its second half as a part of that of the first; 1 where there are too few readings."""
        return self._steadiness(_TIME, _BYTES)

    @property
    def flow(self) -> float:
        """The same of the objects, by the clock or by work, where that went on."""
        return max(self._steadiness(_TIME, _COUNT), self._steadiness(_WORK, _COUNT))

    def _steadiness(self, clock: int, measure: int) -> float:
        times, sizes = self.points[clock::_COLUMNS], self.points[measure::_COLUMNS]
        middle = len(times) // 2
        if len(times) < FEWEST or sizes[middle] <= sizes[0] or not times[0] < times[middle] < times[-1]:
            return 1.0 if clock == _TIME else 0.0
        first = (sizes[middle] - sizes[0]) / (times[middle] - times[0])
        return (sizes[-1] - sizes[middle]) / (times[-1] - times[middle]) / first


@internal
class TypeSeries:
    """Readings of a heap's totals, of which only the streaks of growth are kept, of *most* types at the most.

    Of more than that those stay that grew most, then the largest. A type that falls, or is gone, begins anew. A reading
    that comes right after another, compared with the time between the others, says nothing new and is left out.
    Raises OptionError where *most* is below 1.
    """

    __slots__ = ("_begun", "_most", "_streaks", "_time", "readings")

    def __init__(self, most: int = 500) -> None:
        self._most = check_whole("most", most, 1)
        self._streaks: dict[str, _Streak] = {}
        self._begun = self._time = 0.0
        self.readings = 0

    def add(self, totals: Census | Totals, time: float, work: float = 0.0) -> None:
        """Take one reading, at *time* in seconds of a clock that goes forward; *work* is the processor time by then."""
        if isinstance(totals, Census):
            totals = {row.what: (row.count, row.size_bytes) for row in totals.types}
        if self.readings == 0:
            self._begun = time
        elif self.readings > 1 and time - self._time < _SOON * (self._time - self._begun) / (self.readings - 1):
            return
        self.readings, self._time = self.readings + 1, time
        streaks = {what: self._next(what, (time, work), *row) for what, row in totals.items()}
        kept = sorted(streaks, key=lambda what: (-streaks[what].growth, -streaks[what].last_bytes, what))[: self._most]
        self._streaks = {what: streaks[what] for what in kept}

    def ratchets(self) -> tuple[MonotoneType, ...]:
        """The types that grew and did not fall, most growth first."""
        grown = (
            MonotoneType(
                what,
                streak.readings,
                streak.growth,
                streak.rises / (streak.readings - 1),
                streak.last_count - streak.first_count,
                self._time - streak.begun,
                streak.steadiness,
                streak.flow,
            )
            for what, streak in self._streaks.items()
            if streak.growth > 0
        )
        return tuple(sorted(grown, key=lambda ratchet: (-ratchet.growth, ratchet.what)))

    def _next(self, what: str, clocks: tuple[float, float], count: int, size: int) -> _Streak:
        """The type's streak with this reading in it."""
        last = self._streaks.get(what)
        if last is None or size < last.last_bytes:
            return _Streak(*clocks, size, count, size, count)
        rises = last.rises + (size > last.last_bytes)
        points = last.points
        if rises and not points:
            points.extend((last.begun, last.first_bytes, last.begun_work, last.first_count))
        if points:
            points.extend((clocks[0], size, clocks[1], count))
        begun = last.begun, last.begun_work, last.first_bytes, last.first_count
        return _Streak(*begun, size, count, last.readings + 1, rises, points)
