"""From growth, evidence and findings to the report."""

from __future__ import annotations

import math
import os

from ..backend.meters.memory_limit import NO_LIMIT
from ..backend.process import count_interpreters
from ..origin import find_origin
from ..units import format_duration, format_growth
from ..watch import Candidate, Growth, Sample
from .account import Account, loose_sites
from .findings import Evidence, Findings
from .interpreters import with_interpreters
from .ranking import Ranking
from .report import Report, Suspect
from .suspects import find_suspects, fingerprint, ratchets_of
from .window import resident_growth

_CURVE_POINTS = 60
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
    """All that is known of a leak; *limit* is the memory that the process may have, in bytes.

    *reported* is the report that went out about the same growth before. If the heap has become too large to be walked
    since, its suspects stand.
    """
    growth, last = candidate.growth, candidate.last
    suspicion, resident = evidence.suspicion, resident_growth(growth, candidate.samples)
    interpreters = count_interpreters()
    suspects = _accuse(evidence, findings, account, verdict, interpreters - evidence.interpreters)
    name, missing = fingerprint(verdict, suspects, findings.holdings), _missing(evidence, account, verdict)
    since = last.time - suspicion.end if suspicion else growth.seconds
    if reported and _still_stands(reported, findings):
        suspects, name = reported.suspects, reported.fingerprint
        missing.append(f"no new suspects: the same ones were reported {format_duration(last.time - reported.time)} ago")
    tree = findings.lines.tree(last.time, since)
    candidate.ledger.settle()  # the verdict's own work is a part of what it tells
    return Report(
        pid=os.getpid(),
        age_seconds=candidate.ledger.life,
        reason=_reason(growth, resident, interpreters, evidence.interpreters),
        growth_bytes=growth.growth,
        rss_growth_bytes=resident,
        rate_bytes_per_hour=growth.rate_per_hour,
        meter=growth.meter,
        curve=_curve(candidate.samples, growth),
        confidence=_confidence(growth, suspicion),
        fingerprint=name,
        limit_bytes=limit,
        time_to_limit_seconds=_time_to_limit(limit, last.rss, growth, resident),
        verdict=verdict,
        since_seconds=since,
        account=account,
        ratchets=ratchets_of(evidence.series),
        suspects=suspects,
        missing=tuple(dict.fromkeys(missing)),
        cost=candidate.ledger.cost(),
        time=last.time,
        growth=tree,
        origin=find_origin(),
        window_seconds=growth.seconds,
    )


def _accuse(
    evidence: Evidence, findings: Findings, account: Account, verdict: str, interpreters: int
) -> tuple[Suspect, ...]:
    """Who is suspected, where so many *interpreters* more were made than closed."""
    ranking = Ranking(findings.diff, evidence.series, findings.lines)
    loose = loose_sites(findings.diff, findings.lines, account.walked)
    suspects = find_suspects(findings.holdings, loose, findings.lines, account, verdict, ranking)
    return with_interpreters(suspects, loose, account, interpreters) if interpreters > 0 else suspects


def _missing(evidence: Evidence, account: Account, verdict: str) -> list[str]:
    """What the evidence left out, and what is not known of the kind of memory."""
    missing = list(evidence.missing)
    if verdict == "unknown":
        missing.append(_why_unknown(account))
    if verdict == "native" and account.sampled and account.rest > account.total / 2:
        missing.append(_NO_LINE)
    return missing


def _still_stands(reported: Report, findings: Findings) -> bool:
    """Whether the suspects of an older report are the best there is: it found holders, and nobody could look again."""
    return any(suspect.held_by for suspect in reported.suspects) and findings.diff is None and not findings.holdings


def _why_unknown(account: Account) -> str:
    """Why nobody knows what kind of memory has grown."""
    if not account.sampled:
        return "what kind of memory it is: no walk saw the objects, and no allocations were sampled"
    share = account.known / account.total
    return f"what kind of memory it is: no walk saw the objects, and samples explain {share:.0%} of the growth"


def _curve(samples: tuple[Sample, ...], growth: Growth) -> tuple[tuple[float, int], ...]:
    """At most `_CURVE_POINTS` points of the grown meter, the least of each stretch."""
    step = max(1, math.ceil(len(samples) / _CURVE_POINTS))
    stretches = [samples[i : i + step] for i in range(0, len(samples), step)]
    first = samples[0].time
    return tuple(
        (round(stretch[-1].time - first, 2), min(sample.reading(growth.meter) for sample in stretch))
        for stretch in stretches
    )


def _confidence(growth: Growth, suspicion: Growth | None) -> float:
    """1 - 2 ** -n, n the times the window has doubled since the suspicion, and one; n the growths of a streak."""
    if growth.detector == "consecutive":
        return float(1 - 2.0**-growth.count)
    doubled = math.log2(growth.seconds / suspicion.seconds) if suspicion and suspicion.seconds > 0 else 0.0
    return float(1 - 2.0 ** -(1 + max(0.0, doubled)))


def _reason(growth: Growth, resident: int, interpreters: int, before: int) -> str:
    """What grew, how much and how fast, and resident memory beside it; and that there are more interpreters than
    *before*, whose objects no walk of this one meets."""
    found = growth.summary
    if growth.meter != "rss":
        found += f"; resident memory {format_growth(resident, growth.seconds)}"
    more = interpreters - before
    return f"{found}; {interpreters} interpreters, {more} more than before" if more > 0 else found


def _time_to_limit(limit: int, rss: int, growth: Growth, resident: int) -> float | None:
    """Seconds until the limit is reached, which is one of resident memory, by what grows faster; None for never."""
    most = max(growth.growth, resident)
    if limit >= NO_LIMIT or most <= 0 or growth.seconds <= 0:
        return None
    return max(0, limit - rss) * growth.seconds / most
