"""How is a report put together? From the growth, the evidence since the suspicion, and what the verdict found."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import NamedTuple

from ..backend.meters.memory_limit import NO_LIMIT
from ..backend.meters.meters import EXACT
from ..backend.process import count_interpreters
from ..internal import internal
from ..origin import find_origin
from ..units import format_duration, format_growth
from ..watch import Candidate, Growth, Sample
from .account import Account, loose_sites
from .findings import Evidence, Findings
from .interpreters import with_interpreters
from .lines import Lines
from .ranking import Ranking
from .report import Report, Suspect
from .shown_names import shown
from .suspects import find_suspects, fingerprint, ratchets_of
from .window import resident_growth

_CURVE_POINTS = 60
_GUESSED = "what Python's blocks hold: each counts 96 bytes here, so that growth and rate may be far from the truth"
_NO_LINE = "the allocating line: most of this memory was mapped, or taken in a way that is not sampled"


def assemble(
    candidate: Candidate,
    evidence: Evidence,
    findings: Findings,
    account: Account,
    verdict: str,
    limit: int,
    reported: Report | None = None,
) -> Report:
    """The report: all that is known of a leak. *limit* is the memory that the process may have, in bytes.

    *reported* is an earlier report about the same growth. Its suspects stand if the heap has become too large to be
    walked since.
    """
    accused = _accuse(evidence, findings, account, verdict)
    is_base = candidate.growth.meter == "base" and candidate.last.small > 0
    if is_base and not EXACT and not (account.walked or findings.holdings):
        accused.missing.append(_GUESSED)
    if reported and _still_stands(reported, findings):
        accused = _as_reported(accused, reported, candidate.last.time)
    candidate.ledger.settle()  # the verdict's own work is a part of the cost that the report shows
    return _fill_in(candidate, evidence, findings.lines, account, accused, limit)


@internal
class _Accused(NamedTuple):
    """What is said of the growth: its verdict, who is suspected, the leak's fingerprint, and what is not known.

    There were so many `interpreters`.
    """

    verdict: str
    suspects: tuple[Suspect, ...]
    fingerprint: str
    missing: list[str]
    interpreters: int


def _fill_in(
    candidate: Candidate, evidence: Evidence, lines: Lines, account: Account, accused: _Accused, limit: int
) -> Report:
    growth, last = candidate.growth, candidate.last
    since = evidence.seconds(last) if evidence.suspicion else growth.seconds
    resident = resident_growth(growth, candidate.samples)
    return Report(
        pid=os.getpid(),
        age_seconds=candidate.ledger.life,
        reason=_reason(growth, resident, accused.interpreters, evidence.interpreters),
        growth_bytes=growth.growth,
        rss_growth_bytes=resident,
        rate_bytes_per_hour=growth.rate_per_hour,
        meter=growth.meter,
        curve=_curve(candidate.samples, growth),
        confidence=_confidence(growth, evidence.suspicion),
        fingerprint=accused.fingerprint,
        limit_bytes=limit,
        time_to_limit_seconds=_time_to_limit(limit, last.rss, growth, resident),
        verdict=accused.verdict,
        since_seconds=since,
        account=replace(account, rows=tuple(map(shown, account.rows))),
        ratchets=tuple(map(shown, ratchets_of(evidence.series))),
        suspects=accused.suspects,
        missing=tuple(dict.fromkeys(accused.missing)),
        cost=candidate.ledger.cost(),
        time=last.time,
        growth=lines.tree(last.time, since),
        origin=find_origin(),
        window_seconds=growth.seconds,
    )


def _accuse(evidence: Evidence, findings: Findings, account: Account, verdict: str) -> _Accused:
    """The suspects, the interpreters that were made and not closed since the suspicion among them."""
    interpreters = count_interpreters()
    ranking = Ranking(findings.diff, evidence.series, findings.lines)
    loose = loose_sites(findings.diff, findings.lines, account.walked, account.uncounted)
    suspects = find_suspects(findings.holdings, loose, findings.lines, account, verdict, ranking)
    if interpreters > evidence.interpreters:
        suspects = with_interpreters(suspects, loose, account, interpreters - evidence.interpreters)
    name = fingerprint(verdict, suspects, findings.holdings)
    return _Accused(verdict, tuple(map(shown, suspects)), name, _missing(evidence, account, verdict), interpreters)


def _as_reported(accused: _Accused, reported: Report, now: float) -> _Accused:
    """The suspects of the older report in place of those that could be found now."""
    note = f"no new suspects: the same ones were reported {format_duration(now - reported.time)} ago"
    return accused._replace(
        suspects=reported.suspects, fingerprint=reported.fingerprint, missing=[*accused.missing, note]
    )


def _missing(evidence: Evidence, account: Account, verdict: str) -> list[str]:
    """What the evidence left out, and what is not known of the kind of memory."""
    missing = list(evidence.missing)
    if verdict == "unknown":
        missing.append(_why_unknown(account))
    if verdict == "native" and account.sampled and account.rest > account.total / 2:
        missing.append(_NO_LINE)
    return missing


def _still_stands(reported: Report, findings: Findings) -> bool:
    """Whether nothing better is known than an older report's suspects: it found holders, and no walk was made now."""
    return any(suspect.held_by for suspect in reported.suspects) and findings.diff is None and not findings.holdings


def _why_unknown(account: Account) -> str:
    """Why nobody knows what kind of memory has grown."""
    if not account.sampled:
        return "what kind of memory it is: no walk saw the objects, and no allocations were sampled"
    share = account.known / account.total
    return f"what kind of memory it is: no walk saw the objects, and samples explain {share:.0%} of the growth"


def _curve(samples: tuple[Sample, ...], growth: Growth) -> tuple[tuple[float, int], ...]:
    """At most `_CURVE_POINTS` points of the meter that grew, each the least reading of a stretch of time."""
    step = max(1, math.ceil(len(samples) / _CURVE_POINTS))
    stretches = [samples[i : i + step] for i in range(0, len(samples), step)]
    first = samples[0].time
    return tuple(
        (round(stretch[-1].time - first, 2), min(sample.reading(growth.meter) for sample in stretch))
        for stretch in stretches
    )


def _confidence(growth: Growth, suspicion: Growth | None) -> float:
    """1 - 2 ** -n. For a streak of growths n is their number; else how often the window has doubled, plus one."""
    if growth.detector == "consecutive":
        return float(1 - 2.0**-growth.count)
    doubled = math.log2(growth.seconds / suspicion.seconds) if suspicion and suspicion.seconds > 0 else 0.0
    return float(1 - 2.0 ** -(1 + max(0.0, doubled)))


def _reason(growth: Growth, resident: int, interpreters: int, before: int) -> str:
    """What grew, how much and how fast, with resident memory; and how many interpreters were added to those *before*.

    No walk in this interpreter meets the objects of another.
    """
    found = growth.summary
    if growth.meter != "rss":
        found += f"; resident memory {format_growth(resident, growth.seconds)}"
    more = interpreters - before
    return f"{found}; {interpreters} interpreters, {more} more than before" if more > 0 else found


def _time_to_limit(limit: int, rss: int, growth: Growth, resident: int) -> float | None:
    """Seconds until resident memory reaches the limit, at the rate of whatever grows faster; None for never."""
    most = max(growth.growth, resident)
    if limit >= NO_LIMIT or most <= 0 or growth.seconds <= 0:
        return None
    return max(0, limit - rss) * growth.seconds / most
