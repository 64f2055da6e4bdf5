"""Growth that one life is too short to show, or that other lives of the same role did not have.

A recording tells what the lives before were like. If each of them grew, this one is suspected a third into it, and is
a candidate from four fifths on. If they did not, more growth than any of them had at the same age is suspected, and is
a candidate if it goes on. Either is "early": only evidence from the heap makes it a leak.
"""

from __future__ import annotations

from typing import NamedTuple

from ..internal import internal
from ..units import format_rate
from .contract import Detector
from .life_curve import STEPS, LifeCurve, age_of
from .sample import Growth, Level, Sample

SPANS = (STEPS // 2, STEPS)
"""Stretches of the ladder over which growth is compared."""

_BUCKETS = 24  # of a life, the least reading of each counts
_SUSPECTED = 8  # buckets into it
_DECIDED = 19
_KEEPS_UP = 0.5  # with the rate of the lives before
_FLOOR = 1 << 20  # bytes; less is no leak
_SHARE = 0.003  # of the base
_LEAST_AGE = 300.0  # seconds: before that lives differ for many reasons
_EARLIER = 0.25  # of both: it is suspected before it weighs enough
_FAR, _NEAR = 5.0, 3.0  # spreads of the others above their mean, for a candidate and for a suspicion
_LOOKS = 12  # in the age of a suspicion: how often the judge looks


@internal
class Leaky(NamedTuple):
    """Each of the last `lives` of a role grew by `rate` bytes a second. Most lasted `seconds` or longer."""

    lives: int
    seconds: float
    rate: float


@internal
class Usual(NamedTuple):
    """How much the last `lives` grew over each of `SPANS`: for each age of the ladder the mean, spread and most."""

    lives: int
    growths: dict[int, tuple[tuple[float, float, float] | None, ...]]


@internal
class _Excess(NamedTuple):
    """Growth beyond the usual: in spreads of the others, in what is enough for a leak, and in bytes."""

    spreads: float
    weight: float
    excess: float
    before: int
    grew: int
    seconds: float


@internal
class AcrossLives(Detector):
    """A detector that knows `leaky` or `usual` of the lives before this one, which begins with the first reading."""

    name = "lives"

    def __init__(self) -> None:
        self.leaky: Leaky | None = None
        self.usual: Usual | None = None
        self.begin_anew()

    def begin_anew(self) -> None:
        """This is another life, as after a fork."""
        self.leaky = self.usual = None
        self._first: Sample | None = None
        self._curve = LifeCurve()
        self._bucket = 0
        self._low = 0
        self._mark: tuple[Sample, int] | None = None
        self._hits = 0
        self._suspected_at = 0.0
        self._is_over = False

    def update(self, sample: Sample) -> Growth | None:
        """Take in a reading."""
        if self._first is None:
            self._first = sample
        age = sample.clock - self._first.clock
        has_ended = self._curve.add(age, sample.base)
        if self._is_over:
            return None
        if self.leaky is not None:
            return self._as_before(self.leaky, sample, age)
        if self.usual is not None and has_ended:
            return self._beyond(self.usual, sample, len(self._curve.points) - 1)
        return None

    def withdraw(self) -> None:
        """The last candidate is no leak yet: ask again."""
        self._is_over = False

    def dismiss(self, growth: Growth) -> None:
        """What others dismissed is theirs; own growth that the judge dismissed is over for this life."""
        self._is_over = self._is_over or growth.detector == self.name

    def _as_before(self, leaky: Leaky, sample: Sample, age: float) -> Growth | None:
        bucket, self._low = int(age / leaky.seconds * _BUCKETS), min(self._low or sample.base, sample.base)
        if bucket <= self._bucket:
            return None
        self._bucket, low, self._low = bucket, self._low, 0
        note = f"as in each of the last {leaky.lives} lives"
        if self._mark is None:
            if bucket < _SUSPECTED:
                return None
            self._mark = sample, low
            window = 2 * leaky.seconds / _BUCKETS
            return self._growth("suspect", sample, window, low, round(leaky.rate * window), leaky.lives, note)
        mark, before = self._mark
        seconds, grew = sample.clock - mark.clock, low - before
        if bucket < _DECIDED or grew < max(_FLOOR, _SHARE * before, _KEEPS_UP * leaky.rate * seconds):
            return None
        self._is_over = True
        return self._growth("early", sample, seconds, before, grew, leaky.lives, note)

    def _beyond(self, usual: Usual, sample: Sample, index: int) -> Growth | None:
        """At the end of a stretch: how much more has it grown than the others at this age, over the span that shows it
        best?"""
        found = max(filter(None, (self._excess(usual, index, span) for span in SPANS)), default=None)
        if found is None or age_of(index) < _LEAST_AGE or found.spreads < _NEAR or found.weight < _EARLIER:
            self._hits = 0
            return None
        self._hits += 1
        note = f"{format_rate(found.excess / found.seconds * 3600)} more than in the last {usual.lives} lives"
        if not self._suspected_at:
            if self._hits < 2:
                return None
            self._suspected_at = age_of(index)
            window = age_of(index) / _LOOKS
            return self._growth("suspect", sample, window, found.before, found.grew, usual.lives, note)
        if found.spreads < _FAR or found.weight < 1.0:
            return None
        self._is_over = True
        return self._growth("early", sample, found.seconds, found.before, found.grew, usual.lives, note)

    def _excess(self, usual: Usual, index: int, span: int) -> _Excess | None:
        row, points = usual.growths[span], self._curve.points
        known = row[index] if index < len(row) else None
        if known is None or index < span:
            return None
        (mean, spread, most), before = known, points[index - span]
        grew, seconds = points[index] - before, age_of(index) - age_of(index - span)
        excess, enough = grew - mean, max(_FLOOR, _SHARE * before)
        return (
            _Excess(excess / max(spread, 1.0), excess / enough, excess, before, grew, seconds) if grew > most else None
        )

    def _growth(
        self, level: Level, sample: Sample, seconds: float, before: float, growth: int, count: int, note: str
    ) -> Growth:
        return Growth(
            level=level,
            detector=self.name,
            meter="base",
            start=sample.time - seconds,
            end=sample.time,
            seconds=seconds,
            before=round(before),
            growth=growth,
            count=count,
            unit="lives",
            note=note,
        )
