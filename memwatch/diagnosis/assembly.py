"""From growth, evidence and findings to the leak with its report."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

from ..watch import Candidate, Growth, Leak, Sample, make_leak
from .evidence import Evidence, Findings
from .ranking import Ranking
from .report import Report
from .suspects import find_suspects, fingerprint, ratchets_of, rows_of

_CURVE_POINTS = 60


def assemble(candidate: Candidate, evidence: Evidence, findings: Findings, verdict: str, limit: int) -> Leak:
    """The leak, with all that is known of it; *limit* is the memory that the process may have, in bytes."""
    growth, last = candidate.growth, candidate.samples[-1]
    suspicion, grew = evidence.suspicion, evidence.grew(last)
    ranking = Ranking(findings.diff, evidence.series, findings.lines)
    suspects = find_suspects(findings.holdings, findings.diff, findings.lines, grew, verdict, ranking)
    report = Report(
        pid=os.getpid(),
        age_seconds=candidate.ledger.age,
        reason=growth.reason,
        growth_bytes=growth.growth,
        rate_bytes_per_hour=growth.rate_per_hour,
        meter=growth.lane,
        curve=_curve(candidate.samples, growth),
        confidence=_confidence(growth, suspicion),
        fingerprint=fingerprint(verdict, suspects, findings.holdings),
        limit_bytes=limit,
        time_to_limit_seconds=_time_to_limit(limit - last.rss, growth),
        verdict=verdict,
        explained=findings.explained,
        since_seconds=last.time - suspicion.end if suspicion else 0.0,
        since_bytes=grew,
        rows=rows_of(findings.diff) if findings.diff else (),
        ratchets=ratchets_of(evidence.series),
        suspects=suspects,
        missing=tuple(dict.fromkeys(evidence.missing)),
        cost=candidate.ledger.cost(),
        time=last.time,
        growth=findings.lines.tree(last.time, last.time - suspicion.end if suspicion else 0.0),
    )
    return make_leak(growth, verdict, report)


def _curve(samples: tuple[Sample, ...], growth: Growth) -> tuple[tuple[float, int], ...]:
    """At most `_CURVE_POINTS` points of the grown meter, the least of each stretch."""
    read: Callable[[Sample], int] = (lambda s: s.base) if growth.lane == "base" else (lambda s: s.rss)
    step = max(1, math.ceil(len(samples) / _CURVE_POINTS))
    stretches = [samples[i : i + step] for i in range(0, len(samples), step)]
    first = samples[0].time
    return tuple((round(stretch[-1].time - first, 2), min(map(read, stretch))) for stretch in stretches)


def _confidence(growth: Growth, suspicion: Growth | None) -> float:
    """1 - 2 ** -n, n the times the window has doubled since the suspicion, and one; n the growths of a streak."""
    if growth.detector == "consecutive":
        return float(1 - 2.0**-growth.count)
    doubled = math.log2(growth.seconds / suspicion.seconds) if suspicion and suspicion.seconds > 0 else 0.0
    return float(1 - 2.0 ** -(1 + max(0.0, doubled)))


def _time_to_limit(room: int, growth: Growth) -> float | None:
    rate = growth.rate_per_hour / 3600
    return max(0, room) / rate if rate > 0 else None
