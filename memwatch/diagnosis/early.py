"""When is slow growth reported before the day is over for which it is held back? If the heap leaves no doubt.

Something without a bound that grew at every look, whose objects all stay and were born at all times since, that
explains nearly all of the growth, and that no code of the program seems ever to take anything out of. What fills in the
morning and is emptied at night, or every hour, has such code; sessions that come and go do not stay. Two looks in a row
must find the same: holder, type and line.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..backend.meters.meters import counted_bytes
from ..heap import MonotoneType, TypeSeries, least
from ..internal import internal
from ..retain import Holding, find_remover
from .benign_growth import bytes_of
from .findings import Evidence, Findings
from .pinned import strong_of
from .settling import flow_of

_LOOKS = 5  # with that of the verdict
_APART = 0.3  # of the time since the suspicion, between two looks for holders
_MOST = 0.8  # of the growth
_MOST_OF_ALL = 0.65  # as for excuses
_LOST = 0.25  # of the objects that were there at the suspicion
_AGES = 0.6
_STEADY = 0.92  # of the speed before: it is too early to see where growth ends that becomes slower


def is_promising(series: TypeSeries, grew: int, seconds: float) -> bool:
    """Whether types that grew at every look, four at least, explain the *grew* bytes of the *seconds* since the first.

    Only then a walk is worth it. The last look was a while ago, so less than all is expected of them.
    """
    steady = _steady(series)
    if series.readings < _LOOKS - 1 or not steady or seconds <= 0:
        return False
    return sum(map(_bytes_of, steady)) >= _MOST * grew * min(1.0, steady[0].seconds / seconds) > 0


@internal
class Agreement:
    """What the last look without a doubt has accused, and when the next look for holders is worth its cost."""

    def __init__(self) -> None:
        self._before: tuple[object, ...] | None = None
        self._last: tuple[object, ...] | None = None
        self._next = 0.0

    def is_due(self, seconds: float) -> bool:
        """Whether to look, so many *seconds* after the suspicion."""
        return seconds >= self._next

    def look(self, seconds: float) -> None:
        """Holders are being looked for."""
        self._before, self._last, self._next = self._last, None, (1 + _APART) * seconds

    def why_not(self, findings: Findings) -> str | None:
        """Why to wait: the look before did not accuse the same as these *findings*. None if it did."""
        self._last = _accused(findings)
        return None if self._last == self._before else "one more look is to find the same"


def _accused(findings: Findings) -> tuple[object, ...]:
    """The holder, the type and the line of what is held most."""
    top = _top(findings)
    site = findings.lines.of_types((top.frontier_type,))
    return top.path.fingerprint, top.frontier_type, site.function if site and site.is_sure else None


def _top(findings: Findings) -> Holding:
    return max(strong_of(findings.holdings), key=bytes_of, default=findings.holdings[0])


def why_doubtful(evidence: Evidence, findings: Findings, grew: int) -> str | None:
    """Why a leak of *grew* bytes can wait until it is old enough, in words; None if there is no doubt of it."""
    if not findings.holdings or findings.diff is None:
        return "nobody is known to hold it"
    strong = strong_of(findings.holdings)
    top = _top(findings)
    if top.bound is not None or not strong:
        return f"the {top.holder_type} that holds most of it is bounded, or weak"
    if bytes_of(top) < max(_MOST * sum(map(bytes_of, strong)), _MOST_OF_ALL * grew):
        return "many hold parts of it"
    grown = next((it for it in _steady(evidence.series) if it.what == top.frontier_type), None)
    if grown is None:
        return f"{top.frontier_type} did not grow at every look"
    of_lives = evidence.suspicion is not None and evidence.suspicion.detector == "lives"
    if grown.steadiness < _STEADY and (of_lives or flow_of(top, evidence.series) < _STEADY):
        return f"{top.frontier_type} came more and more slowly, as into a table that fills"
    if _is_replaced(top, evidence, findings):
        return f"the {top.frontier_type} objects come and go"
    remover = find_remover(top.path)
    return f"{remover} may take them out again" if remover else None


def _is_replaced(top: Holding, evidence: Evidence, findings: Findings) -> bool:
    """Whether older objects of the type have gone: those of before the suspicion, or the older ones since."""
    ages = findings.lines.ages((top.frontier_type,))
    if ages is not None and ages < _AGES:
        return True
    if evidence.snapshot is None or findings.diff is None:
        return True
    before = evidence.snapshot.identity.totals.get(top.frontier_type, (0, 0))[0]
    rows = (row for row in findings.diff.change.details if row.what == top.frontier_type)
    return sum(least(row.freed) for row in rows) > _LOST * before


def _steady(series: TypeSeries) -> Sequence[MonotoneType]:
    return [it for it in series.ratchets() if it.monotone_share == 1 and it.readings == series.readings]


def _bytes_of(ratchet: MonotoneType) -> int:
    return counted_bytes(ratchet.growth, ratchet.objects)
