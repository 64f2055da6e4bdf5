"""Readings that rules may wait for and nobody else needs: growth, time in the collector, live objects of a class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .clock import Clock
from .errors import MemwatchError
from .heap import take_census
from .internal import internal
from .thresholds import Readings, Rule
from .watch.rates import Window
from .watch.sample import Sample

_GROWTH = 600  # seconds
_GC = 10.0  # seconds over which the collector's share is taken, at least
_COUNT_RESTS = 60.0  # seconds between two counts, at least
_COUNT_SHARE = 200  # times as long as a count took: 0.5 % of the time


@internal
class ExtraReadings:
    """Adds what *rules* ask for to the readings of a tick; each is None until it is known."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As if there had been no reading yet."""
        self._window = Window(_GROWTH)
        self._gc: tuple[float, float] | None = None
        self._gc_share: float | None = None
        self._counts: dict[str, int] | None = None
        self._counted = float("-inf")
        self._rest = _COUNT_RESTS

    def add_to(self, readings: Readings, sample: Sample, rules: Iterable[Rule]) -> Readings:
        """*readings* with the growth an hour, the collector's share and the counts, as far as *rules* want them."""
        self._window.add(sample.clock, sample.base)
        names = {rule.name for rule in rules}
        rate = self._window.rate() if "base_growth" in names else None
        if "gc_share" in names:
            self._read_gc(sample)
        if what := {rule.what for rule in rules if rule.name == "count"}:
            self._count(sample.clock, what)
        growth = None if rate is None else 3600 * rate
        return replace(readings, base_growth=growth, gc_share=self._gc_share, counts=self._counts)

    def _read_gc(self, sample: Sample) -> None:
        before, now = self._gc, (sample.clock, sample.gc_seconds)
        if before is None:
            self._gc = now
        elif now[0] - before[0] >= _GC:
            self._gc, self._gc_share = now, min(1.0, max(0.0, now[1] - before[1]) / (now[0] - before[0]))

    def _count(self, clock: float, what: set[str]) -> None:
        """Count, unless that was done a while ago; a count that could not be made leaves the last one standing."""
        if clock - self._counted < self._rest and what <= (self._counts or {}).keys():
            return
        if clock - self._counted < 1.0:
            return
        self._counted, begun = clock, Clock.monotonic()
        try:
            found = {row.what: row.count for row in take_census().types}
        except MemwatchError:
            return
        self._counts = {name: found.get(name, 0) for name in what}
        self._rest = max(_COUNT_RESTS, _COUNT_SHARE * (Clock.monotonic() - begun))
