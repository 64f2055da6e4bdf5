"""What may evidence cost? No single hold of the interpreter above the pause budget, and two per cent of the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from ..backend.census import chosen
from ..backend.meters.meters import expected_in
from ..backend.quiet import COLLECT_SECONDS
from ..internal import internal
from ..retain import expected_search
from ..watch import Candidate, Sample
from ..watch.patience import JUDGE_PATIENCE

Depth = Literal["deep", "tracked", "none"]
Walk = Literal["deep", "tracked", "search", "sliced search"]
"""A census of every object, one of what the collector tracks, the search for holders; and the latter with breaks."""

WALK_SHARE = 0.02
_LIFE = 8  # windows from a suspicion, in which walks are paid off: 4 until it is confirmed, and as long again
_FASTEST = 0.25  # of the time that is expected: what one walk saved is not believed beyond that
_LEAST_WALL = 60.0  # seconds: a younger program counts as one of this age, or a short one would get no names


class Expecting(Protocol):
    """What a backend expects of its walks, as `backend.contract.Backend` says."""

    @property
    def expected_pause(self) -> Callable[[int, bool], float]: ...
    @property
    def expected_time(self) -> Callable[[int, bool], float]: ...


Search = Callable[[int, bool], tuple[float, float]]
"""For so many objects the longest hold and the whole time of a search for holders, in one piece or not, in seconds."""


@internal
class Allowance(NamedTuple):
    """What walks may take: a share of the `wall` seconds, of which they have `spent` some. The heap has `blocks`."""

    blocks: int
    spent: float
    wall: float

    def left(self, share: float) -> float:
        """The seconds of processor time that are left of *share*."""
        return share * max(self.wall, _LEAST_WALL) - self.spent


def expected_blocks(sample: Sample) -> int:
    """How many blocks Python holds by *sample*, for a budget; where none are counted, about how many objects."""
    return sample.blocks or expected_in(sample.base)


def time_shared(candidate: Candidate, from_suspicion: bool = False) -> float:
    """The seconds of which walks may take a share: the process's age, and the time until they are paid off.

    *from_suspicion* is for what begins at the suspicion, whose window is a quarter of the one that confirms.
    """
    return candidate.ledger.age + (_LIFE if from_suspicion else _LIFE / 4) * candidate.growth.seconds


@internal
class Budget:
    """Decides from the number of blocks, before anything is done; rates are corrected by what was measured.

    *pause_budget* is in seconds; *backend* and *search* say what is expected of walks before one was measured.
    """

    def __init__(self, pause_budget: float, backend: Expecting = chosen, search: Search = expected_search) -> None:
        self.pause_budget = pause_budget
        self._backend = backend
        self._collect_seconds = COLLECT_SECONDS
        self._search = search
        self._walk_seconds: dict[Walk, float] = {
            "deep": backend.expected_time(1, True),
            "tracked": backend.expected_time(1, False),
            "search": search(1, False)[1],
            "sliced search": search(1, True)[1],
        }

    def may_collect(self, blocks: int) -> bool:
        """Whether a full collection is expected to hold the interpreter for no longer than the pause budget."""
        return blocks * self._collect_seconds <= self.pause_budget

    def collected(self, blocks: int, seconds: float) -> None:
        """A full collection took so much processor time, which does not depend on what others have of the machine."""
        self._collect_seconds = seconds / max(blocks, 1)

    def census_depth(self, allowance: Allowance) -> Depth:
        """How deep a first census may go, so that there is time left for what follows at the verdict.

        A second census follows, and after a deep one the search for holders, within the time that a verdict may take.
        """
        rates, left, blocks = self._walk_seconds, allowance.left(WALK_SHARE), allowance.blocks
        if not self._may_pause("tracked", blocks):
            return "none"
        verdict = blocks * (rates["deep"] + rates[self.search_of(blocks)])
        in_time = verdict <= JUDGE_PATIENCE and blocks * rates["deep"] + verdict <= left
        if in_time and self._may_pause("deep", blocks):
            return "deep"
        return "tracked" if 2 * blocks * rates["tracked"] <= left else "none"

    def fits(self, walk: Walk, allowance: Allowance) -> bool:
        """Whether there is time for one more *walk*."""
        expected = allowance.blocks * self._walk_seconds[walk]
        in_time = expected <= min(allowance.left(WALK_SHARE), JUDGE_PATIENCE)
        return in_time and self._may_pause(walk, allowance.blocks)

    def spares(self, walk: Walk, allowance: Allowance) -> bool:
        """Whether there is time for one more *walk* and then for a verdict, on a machine that is twice as slow then."""
        blocks = allowance.blocks
        verdict = 2 * blocks * (self._walk_seconds["deep"] + self._walk_seconds[self.search_of(blocks)])
        return self.fits(walk, allowance._replace(spent=allowance.spent + verdict))

    def search_of(self, blocks: int) -> Walk:
        """The search for holders: in one piece where that is short enough, else with breaks."""
        return "search" if self._may_pause("search", blocks) else "sliced search"

    def walked(self, walk: Walk, blocks: int, seconds: float) -> None:
        """A walk through a heap of so many blocks took so long."""
        self._walk_seconds[walk] = seconds / max(blocks, 1)

    def hold_of(self, walk: Walk, blocks: int) -> float:
        """The seconds for which *walk* holds the interpreter at once. What is expected is scaled by the last measured
        walk, but never below a quarter."""
        pause, seconds = self._expected(walk, blocks)
        slower = blocks * self._walk_seconds[walk] / seconds if seconds else 1.0
        return pause * max(_FASTEST, slower)

    def _may_pause(self, walk: Walk, blocks: int) -> bool:
        return self.hold_of(walk, blocks) <= self.pause_budget

    def _expected(self, walk: Walk, blocks: int) -> tuple[float, float]:
        if walk == "search" or walk == "sliced search":
            return self._search(blocks, walk == "sliced search")
        deep = walk == "deep"
        return self._backend.expected_pause(blocks, deep), self._backend.expected_time(blocks, deep)
