"""The judge: evidence from a suspicion on, then leak or no leak, with the report.

At the suspicion it takes a snapshot of who is there. At the candidate it runs one full collection, since growth that
garbage explains is none; then it compares with the snapshot, and looks from the roots for whoever holds what is new.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..backend.guard import collect, own, quiet
from ..backend.limit import memory_limit
from ..backend.meters import collector_runs
from ..errors import MemwatchError, describe_error
from ..heap import Diff, Snapshot, diff_snapshots, take_snapshot
from ..retain import Holding, find_holdings
from ..watch import Candidate, Growth, Held, Leak, Sample, make_leak
from .budget import Budget, Depth
from .report import Report
from .suspects import fingerprint, from_diff, from_holdings, only_grown, rows_of
from .verdict import HALF, classify, explained_share, garbage_share

_MOST_GARBAGE = 0.5  # of what is left: CPython runs a full collection before garbage comes to so much, if it runs any
_CURVE_POINTS = 60
_UNTIL_NEXT = 16  # windows from a suspicion: 4 until it is confirmed, and 3 times as long again until the next verdict
_RESIDENT = 150  # bytes an object: the most that a walk leaves in resident memory


@own
@dataclass(slots=True)
class _Evidence:
    """What is gathered for one suspicion."""

    suspicion: Growth | None = None
    snapshot: Snapshot | None = None
    base: int = 0
    missing: list[str] = field(default_factory=list)


@own
@dataclass(slots=True)
class _Findings:
    """What the walks at the verdict brought."""

    diff: Diff | None = None
    holdings: tuple[Holding, ...] = ()
    explained: float | None = None


@own
class Diagnosis:
    """Judges for one watcher, on its thread. *pause_budget* is the longest hold of the interpreter, in seconds."""

    def __init__(self, pause_budget: float) -> None:
        self._budget = Budget(pause_budget)
        self._limit = memory_limit()
        self._evidence = _Evidence()

    def suspected(self, candidate: Candidate) -> None:
        """Take the snapshot that growth will be measured from."""
        self._evidence = _Evidence(suspicion=candidate.growth, base=candidate.samples[-1].base)
        wall = candidate.ledger.age + _UNTIL_NEXT * candidate.growth.seconds
        before = candidate.read()
        depth = self._depth(candidate, wall)
        if depth != "none":
            snapshot = self._evidence.snapshot = self._snapshot(candidate, depth == "deep")
            if snapshot is not None:
                self._account(candidate, before, snapshot)

    def _account(self, candidate: Candidate, before: Sample, snapshot: Snapshot) -> None:
        """Enter in the ledger what *snapshot* keeps and what taking it left in resident memory, as measured.

        The program allocates meanwhile, so only what a snapshot can account for is taken for memwatch's.
        """
        after, ledger = candidate.read(), candidate.ledger
        kept = snapshot.nbytes
        ledger.bytes = min(max(after.base - before.base, kept), 2 * kept)
        ledger.resident += min(max(after.rss - before.rss, 0), _RESIDENT * snapshot.nodes)

    def forget(self) -> None:
        """Let go of the evidence."""
        self._evidence = _Evidence()

    def __call__(self, candidate: Candidate) -> Leak | Held:
        """Decide on *candidate*."""
        growth, collects = candidate.growth, collector_runs()
        findings = _Findings() if collects else self._look(candidate, holders=False)
        freed = self._collect(candidate)
        if freed is not None and garbage_share(growth, candidate.samples, freed) >= HALF:
            left = candidate.samples[-1].base - freed
            if collects and freed < _MOST_GARBAGE * left:
                return Held("a full collection took the growth away")
            return self._leak(candidate, "garbage", findings)
        findings = self._look(candidate, holders=True)
        return self._leak(candidate, classify(growth, candidate.samples, findings.explained), findings)

    def _collect(self, candidate: Candidate) -> int | None:
        """Bytes that a full collection freed; None if there was none, because it would be too long or just was one."""
        last = candidate.samples[-1]
        if candidate.growth.detector == "consecutive":
            return None
        too_long = not self._budget.may_collect(last.blocks)
        if too_long or candidate.give_up():
            why = "it would pause the program for too long" if too_long else "the time for the verdict was over"
            self._evidence.missing.append(f"no collection before the verdict: {why}")
            return None
        before, begun = candidate.read(), time.perf_counter()
        collect()
        took = time.perf_counter() - begun
        self._budget.collected(last.blocks, took)
        candidate.ledger.pause(took)
        return max(0, before.base - candidate.read().base)

    def _look(self, candidate: Candidate, holders: bool) -> _Findings:
        """Compare the heap with the snapshot, and find who holds what is new."""
        before = self._evidence.snapshot
        if before is None:
            if self._evidence.suspicion is None:
                self._evidence.missing.append("no census: the growth had not been suspected before")
            return _Findings()
        wall = candidate.ledger.age + _UNTIL_NEXT / 4 * candidate.growth.seconds
        holdings = self._holdings(candidate, before, wall) if holders else ()
        diff = self._diff(candidate, before, wall)
        grew = candidate.samples[-1].base - self._evidence.base
        if before.deep:
            return _Findings(diff, holdings, explained_share(diff, grew) if diff else None)
        return _Findings(diff, only_grown(holdings, diff) if diff else ())

    def _holdings(self, candidate: Candidate, before: Snapshot, wall: float) -> tuple[Holding, ...]:
        if self._fits(candidate, wall, "search for holders", deep=True):
            with self._walk(candidate, "holders not searched"):
                return find_holdings(before.addresses, give_up=candidate.give_up)
        return ()

    def _diff(self, candidate: Candidate, before: Snapshot, wall: float) -> Diff | None:
        if self._fits(candidate, wall, "second census", before.deep):
            after = self._snapshot(candidate, before.deep)
            return None if after is None else diff_snapshots(before, after)
        return None

    def _depth(self, candidate: Candidate, wall: float) -> Depth:
        """How deep the first of three walks may go, if all walks together share *wall* seconds."""
        blocks = candidate.samples[-1].blocks
        depth = self._budget.walk_depth(blocks, candidate.ledger.walked_seconds, wall, walks_to_come=3)
        if depth != "deep":
            what = "census of tracked objects alone" if depth == "tracked" else "census skipped"
            self._evidence.missing.append(f"{what}: {blocks:,} blocks are over the budget")
        return depth

    def _fits(self, candidate: Candidate, wall: float, what: str, deep: bool) -> bool:
        """Whether what is left for walks is enough for this one; the holders, asked for first, matter most."""
        blocks = candidate.samples[-1].blocks
        depth = self._budget.walk_depth(blocks, candidate.ledger.walked_seconds, wall, walks_to_come=1)
        if depth == "none" or (deep and depth == "tracked"):
            self._evidence.missing.append(f"{what} skipped: {blocks:,} blocks are over the budget")
            return False
        return True

    def _snapshot(self, candidate: Candidate, deep: bool) -> Snapshot | None:
        with self._walk(candidate, "census not finished"):
            begun = time.thread_time()
            snapshot = take_snapshot(deep=deep, give_up=candidate.give_up)
            self._budget.walked(snapshot.nodes, time.thread_time() - begun)
            return snapshot
        return None

    @contextmanager
    def _walk(self, candidate: Candidate, what: str) -> Iterator[None]:
        """Around a walk: its cost goes into the ledger, and if it does not come to its end the report says so."""
        try:
            with candidate.ledger.walk(), quiet:
                yield
        except MemwatchError as error:
            self._evidence.missing.append(f"{what}: {error}")
        except Exception as error:  # most likely no memory; what is known without the walk goes out all the same
            self._evidence.missing.append(f"{what}: {describe_error(error)}")

    def _leak(self, candidate: Candidate, verdict: str, findings: _Findings) -> Leak:
        growth, last = candidate.growth, candidate.samples[-1]
        suspicion = self._evidence.suspicion
        grew = last.base - self._evidence.base if suspicion else 0
        suspects = from_holdings(findings.holdings, grew, verdict)
        if not suspects and findings.diff is not None:
            suspects = from_diff(findings.diff, grew, verdict)
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
            limit_bytes=self._limit,
            time_to_limit_seconds=_time_to_limit(self._limit - last.rss, growth),
            verdict=verdict,
            explained=findings.explained,
            since_seconds=last.time - suspicion.end if suspicion else 0.0,
            since_bytes=grew,
            rows=rows_of(findings.diff) if findings.diff else (),
            suspects=suspects,
            missing=tuple(dict.fromkeys(self._evidence.missing)),
            cost=candidate.ledger.cost(),
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
