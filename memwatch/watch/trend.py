"""The averages behind `Stats`: node-memwatch's two moving averages, with the arithmetic it intended.

The recent average weighs about 10 readings, the ancient one about 120. Until ten readings are there both are damped:
with k readings before this one, the old value weighs ``(k / 10) ** 2.5 * k`` (recent) or ``(k / 10) ** 2.4 * k``
(ancient) against 1 for the new, so that the first readings of a starting program do not count for long. node-memwatch
computed k / 10 in integers, which made the damping nothing, and the rest in 32 bits, which made it overflow.
"""

from __future__ import annotations

from typing import NamedTuple

from ..clock import to_wall
from ..internal import internal
from .sample import Sample, Stats

RECENT = 10
ANCIENT = 120
_EXTREMES_FROM = 3


@internal
class Trend(NamedTuple):
    """The state after so many `readings`; sizes in bytes. `lowest` and `highest` are 0 before three readings."""

    readings: int = 0
    recent: float = 0.0
    ancient: float = 0.0
    lowest: int = 0
    highest: int = 0

    def advance(self, base: int) -> Trend:
        """The trend with one more reading."""
        k = self.readings
        if k < RECENT:
            recent = _damped(self.recent, base, (k / RECENT) ** 2.5 * k)
            ancient = _damped(self.ancient, base, (k / RECENT) ** 2.4 * k)
        else:
            recent = ((RECENT - 1) * self.recent + base) / RECENT
            weight = min(ANCIENT, k)
            ancient = ((weight - 1) * self.ancient + base) / weight
        if k + 1 < _EXTREMES_FROM:
            return Trend(k + 1, recent, ancient)
        return Trend(k + 1, recent, ancient, min(self.lowest or base, base), max(self.highest, base))

    @property
    def usage_trend(self) -> float:
        """How far the recent average stands above the ancient one, in per cent with one decimal."""
        return round((self.recent - self.ancient) / self.ancient * 1000) / 10 if self.ancient else 0.0


def _damped(average: float, base: int, weight: float) -> float:
    return (average * weight + base) / (weight + 1)


def make_stats(sample: Sample, trend: Trend) -> Stats:
    """The public value for *sample*, seen against *trend*, which has it already."""
    return Stats(
        num_full_gc=sample.full,
        num_inc_gc=sample.young,
        heap_compactions=sample.full,
        estimated_base=round(trend.recent),
        current_base=sample.base,
        min=trend.lowest,
        max=trend.highest,
        usage_trend=trend.usage_trend,
        time=to_wall(sample.time),
        trigger=sample.trigger,
        gc_seconds=sample.gc_seconds,
        python_blocks=sample.blocks,
        native_bytes=sample.native,
        rss=sample.rss,
        meters=sample.meters,
    )
