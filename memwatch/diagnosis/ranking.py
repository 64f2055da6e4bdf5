"""How likely it is that something which grew is what leaks: a product of five factors, each above 0 and at most 1.

share      of the new bytes. (LeakShare: what two hold counts for each by half.)
monotone   at how many of the looks its type grew. (Cork: leaking types grow at every collection.)
survival   how many of the objects that came are not outweighed by objects that went (Laplace's rule of succession).
           (Scalene asks the same of single allocations.)
ages       in how many parts of the time since the suspicion those that live were born. (Plumbr: a leak has objects of
           every generation, a cache of the last few.)
bound      little for what holds no more than it may.

What is not known counts as 1, and no factor alone can hide what is large: the least is `_LEAST`.
"""

from __future__ import annotations

from collections.abc import Collection

from ..heap import Diff, TypeSeries, least
from ..internal import internal
from ..retain import Holding
from .lines import Lines

_LEAST = 0.1
_BOUNDED = 0.1
_OFTEN = 0.5  # of the topmost objects: types that come with nearly every one
_LOOKS = 3


@internal
class Ranking:
    """Scores by what is known beside sizes: *diff* of the types, their *series* at the looks, and the samples."""

    def __init__(self, diff: Diff | None = None, series: TypeSeries | None = None, lines: Lines | None = None) -> None:
        self._rows = {row.what: row for row in diff.change.details} if diff is not None else {}
        self._looks = series.readings if series is not None else 0
        self._ratchets = {it.what: it for it in series.ratchets()} if series is not None else {}
        self._lines = lines or Lines()

    def of_holding(self, holding: Holding, share: float) -> float:
        """The score of what a holder has got; of the types that come with its items the best speaks for it."""
        often = [what for what, count in holding.type_counts.items() if count >= _OFTEN * holding.targets]
        bound = _BOUNDED if holding.is_bounded else 1.0
        return self.of_types([holding.frontier_type, *often], share) * bound

    def of_types(self, types: Collection[str], share: float) -> float:
        """The score of a type, or the best of several that come together."""
        if not types:
            return share
        return share * max(self._monotone(it) * self._survival(it) for it in types) * self._ages(types)

    def _monotone(self, what: str) -> float:
        if self._looks < _LOOKS:
            return 1.0
        ratchet = self._ratchets.get(what)
        rises = ratchet.monotone_share * (ratchet.readings - 1) if ratchet else 0.0
        return max(_LEAST, rises / (self._looks - 1))

    def _survival(self, what: str) -> float:
        row = self._rows.get(what)
        if row is None:
            return 1.0
        return max(_LEAST, 1 - (least(row.freed) + 1) / (least(row.allocated) + 2))

    def _ages(self, types: Collection[str]) -> float:
        ages = self._lines.ages(types)
        return 1.0 if ages is None else max(_LEAST, ages)
