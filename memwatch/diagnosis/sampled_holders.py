"""Who holds what was sampled, where neither this process nor a forked child may walk the heap."""

from __future__ import annotations

from ..clock import Clock
from ..retain import Holding, Wanted, find_near
from ..watch import Candidate
from .findings import Evidence
from .lines import Lines
from .verdict import HALF

ESTIMATED = "the heap was searched near to its roots alone: what holders keep is estimated from samples"
NOT_FOUND = "holders not found: the heap was searched near to its roots alone, for what was sampled"
_LONGEST = 0.025  # seconds at once, as expected: half of what may be, for no estimate is sure
_SHARE = 0.01  # of the time since watching began, for all looks together
_LEAST = 1.0  # seconds of processor time, as the first walks of a process may take


def holders_near(
    candidate: Candidate, evidence: Evidence, lines: Lines, pause_budget: float, show_keys: bool
) -> tuple[Holding, ...]:
    """The holdings that are found near to the roots, with a word in `missing` about what that is worth."""
    objects = lines.objects
    if not objects:
        return ()
    wanted = Wanted({it.address: (it.label, it.count) for it in objects})
    until = Clock.thread_time() + max(_LEAST, _SHARE * candidate.ledger.age)
    found: tuple[Holding, ...] = ()
    with evidence.noting("holders not searched"), candidate.ledger.walk():
        found = find_near(
            wanted,
            min(_LONGEST, HALF * pause_budget),
            lambda: Clock.thread_time() > until or candidate.should_cancel(),
            candidate.ledger.pause,
            show_keys,
        )
        evidence.missing.append(ESTIMATED if found else NOT_FOUND)
    return found
