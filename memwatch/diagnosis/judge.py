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
from ..backend.recording import Recorder
from ..errors import MemwatchError, describe_error
from ..heap import Diff, Snapshot, TypeSeries, diff_snapshots, take_census, take_snapshot
from ..retain import Holding, find_holdings
from ..watch import Candidate, Growth, Held, Leak, Sample, make_leak
from .budget import Budget, Depth, Walk, expected_blocks
from .lines import Lines
from .report import Report
from .suspects import find_suspects, fingerprint, only_grown, ratchets_of, rows_of
from .verdict import HALF, classify, explained_share, garbage_share, is_past_python

_MOST_GARBAGE = 0.5  # of what is left: CPython runs a full collection before garbage comes to so much, if it runs any
_CURVE_POINTS = 60
_LIFE = 8  # windows from a suspicion, in which walks are paid off: 4 until it is confirmed, and as long again
_TYPES_KEPT = 1 << 18  # bytes at most for the labels and the totals of a look
_RESIDENT = 150  # bytes an object: the most that a walk leaves in resident memory


@own
@dataclass(slots=True)
class _Evidence:
    """What is gathered for one suspicion."""

    suspicion: Growth | None = None
    snapshot: Snapshot | None = None
    series: TypeSeries = field(default_factory=TypeSeries)
    base: int = 0
    since: int = 0  # on the steady clock, in nanoseconds
    missing: list[str] = field(default_factory=list)


@own
@dataclass(slots=True)
class _Findings:
    """What the walks at the verdict brought."""

    diff: Diff | None = None
    holdings: tuple[Holding, ...] = ()
    explained: float | None = None
    after: Snapshot | None = None
    lines: Lines = field(default_factory=Lines)


@own
class Diagnosis:
    """Judges for one watcher, on its thread. *pause_budget* is the longest hold of the interpreter, in seconds.

    *recorder*, if there is one, tells who allocated; while growth is suspected it looks more closely. *show_keys* shows
    the keys of dicts on the paths to holders.
    """

    def __init__(self, pause_budget: float, recorder: Recorder | None = None, show_keys: bool = False) -> None:
        self._budget = Budget(pause_budget)
        self._recorder = recorder
        self._show_keys = show_keys
        self._limit = memory_limit()
        self._evidence = _Evidence()

    def suspected(self, candidate: Candidate) -> None:
        """Take the snapshot that growth will be measured from."""
        candidate.ledger.let_go()
        self._look_closely(True, is_past_python(candidate.growth, candidate.samples))
        self._evidence = _Evidence(
            suspicion=candidate.growth, base=candidate.samples[-1].base, since=time.monotonic_ns()
        )
        before = candidate.read()
        depth = self._depth(candidate)
        if depth != "none":
            snapshot = self._evidence.snapshot = self._snapshot(candidate, depth == "deep")
            if snapshot is not None:
                self._account(candidate, before, snapshot.nodes, snapshot.nbytes, snapshot.identity.mapped_bytes)

    def _account(self, candidate: Candidate, before: Sample, nodes: int, nbytes: int = 0, mapped: int = 0) -> None:
        """Enter in the ledger what a look keeps, and what it left in resident memory, as measured since *before*.

        The program allocates meanwhile, so only what the look can account for is taken for memwatch's: of *nodes*
        objects, of which it keeps *nbytes*, *mapped* of them outside the heap, and some for each type.
        """
        after, kept = candidate.read(), nbytes - mapped
        heap = min(max(after.base - before.base, kept), 2 * kept + _TYPES_KEPT)
        resident = min(max(after.rss - before.rss, 0), _RESIDENT * nodes)
        candidate.ledger.hold(heap, mapped, resident)

    def followed(self, candidate: Candidate) -> None:
        """Count once more, if there is time for it beside what the verdict needs: which types only ever grow?"""
        snapshot, blocks = self._evidence.snapshot, expected_blocks(candidate.samples[-1])
        if snapshot is None or snapshot.deep is False:
            return
        wall = candidate.ledger.age + _LIFE / 4 * candidate.growth.seconds
        if self._budget.spares("deep", blocks, candidate.ledger.walked_seconds, wall):
            before = candidate.read()
            with self._walk(candidate, "deep", "types not counted once more"):
                self._evidence.series.add(take_census(give_up=candidate.give_up), candidate.samples[-1].time)
            self._account(candidate, before, snapshot.nodes)

    def forget(self) -> None:
        """Let go of the evidence."""
        self._look_closely(False)
        self._evidence = _Evidence()

    def __call__(self, candidate: Candidate) -> Leak | Held:
        """Decide on *candidate*."""
        try:
            return self._decide(candidate)
        finally:
            self._look_closely(False)

    def _look_closely(self, closely: bool, native: bool = False) -> None:
        if self._recorder is not None:
            self._recorder.look_closely(closely, native)

    def _decide(self, candidate: Candidate) -> Leak | Held:
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
        if candidate.growth.detector == "consecutive":
            return None
        blocks = expected_blocks(candidate.samples[-1])
        too_long = not self._budget.may_collect(blocks)
        if too_long or candidate.give_up():
            why = "it would pause the program for too long" if too_long else "the time for the verdict was over"
            self._evidence.missing.append(f"no collection before the verdict: {why}")
            return None
        before, begun = candidate.read(), time.perf_counter()
        collect()
        took = time.perf_counter() - begun
        self._budget.collected(blocks, took)
        candidate.ledger.pause(took)
        return max(0, before.base - candidate.read().base)

    def _look(self, candidate: Candidate, holders: bool) -> _Findings:
        """What walks of the heap and the samples tell."""
        until = time.monotonic_ns()
        findings = self._walk_heap(candidate, holders)
        if self._recorder is not None:
            findings.lines = self._lines(self._recorder, findings.after, until)
        return findings

    def _lines(self, recorder: Recorder, after: Snapshot | None, until: int) -> Lines:
        """What was allocated since the suspicion, or since sampling began, and before *after*."""
        if recorder.problem:
            self._evidence.missing.append(f"allocations were not sampled: {recorder.problem}")
            return Lines()
        try:
            samples, is_app = recorder.read(self._evidence.since, until)
        except Exception as error:  # somebody else has ended it, or there is no memory
            self._evidence.missing.append(f"no allocating lines: {describe_error(error)}")
            return Lines()
        is_known = after.contains if after is not None and after.deep else None
        return Lines(samples, is_app, is_known, recorder.finest)

    def _walk_heap(self, candidate: Candidate, holders: bool) -> _Findings:
        """Compare the heap with the snapshot, and find who holds what is new."""
        before = self._evidence.snapshot
        if before is None:
            if self._evidence.suspicion is None:
                self._evidence.missing.append("no census: the growth had not been suspected before")
            return _Findings()
        if before.deep:
            holdings = self._holdings(candidate, before) if holders else ()
            after = self._second(candidate, before)
            diff = diff_snapshots(before, after) if after else None
            grew = candidate.samples[-1].base - self._evidence.base
            return _Findings(diff, holdings, explained_share(diff, grew) if diff else None, after)
        after = self._second(candidate, before)
        diff = diff_snapshots(before, after) if after else None
        holdings = self._holdings(candidate, before, diff) if holders and diff else ()
        return _Findings(diff, only_grown(holdings, diff) if diff else (), after=after)

    def _holdings(self, candidate: Candidate, before: Snapshot, tracked: Diff | None = None) -> tuple[Holding, ...]:
        """Who holds what is new since *before*; *tracked* says what grew, if both are of tracked objects alone."""
        grown = None if tracked is None else {found.address for found in tracked.grown}
        walk = self._budget.search_of(expected_blocks(candidate.samples[-1]))
        if self._fits(candidate, walk, "search for holders"):
            with self._walk(candidate, walk, "holders not searched"):
                in_slices = walk == "sliced search"
                return find_holdings(
                    before.addresses,
                    grown=grown,
                    give_up=candidate.give_up,
                    in_slices=in_slices,
                    show_keys=self._show_keys,
                )
        return ()

    def _second(self, candidate: Candidate, before: Snapshot) -> Snapshot | None:
        fits = self._fits(candidate, "deep" if before.deep else "tracked", "second census")
        return self._snapshot(candidate, before.deep) if fits else None

    def _depth(self, candidate: Candidate) -> Depth:
        """How deep the first census may go, if all walks up to the verdict share the time of `_LIFE` windows."""
        blocks = expected_blocks(candidate.samples[-1])
        wall = candidate.ledger.age + _LIFE * candidate.growth.seconds
        depth = self._budget.census_depth(blocks, candidate.ledger.walked_seconds, wall)
        if depth != "deep":
            what = "census of tracked objects alone" if depth == "tracked" else "census skipped"
            self._evidence.missing.append(f"{what}: {blocks:,} blocks are over the budget")
        return depth

    def _fits(self, candidate: Candidate, walk: Walk, what: str) -> bool:
        """Whether what is left for walks at the verdict is enough for this one."""
        blocks = expected_blocks(candidate.samples[-1])
        wall = candidate.ledger.age + _LIFE / 4 * candidate.growth.seconds
        fits = self._budget.fits(walk, blocks, candidate.ledger.walked_seconds, wall)
        if not fits:
            self._evidence.missing.append(f"{what} skipped: {blocks:,} blocks are over the budget")
        return fits

    def _snapshot(self, candidate: Candidate, deep: bool) -> Snapshot | None:
        with self._walk(candidate, "deep" if deep else "tracked", "census not finished"):
            snapshot = take_snapshot(deep=deep, give_up=candidate.give_up)
            candidate.ledger.pause(snapshot.pause_seconds)
            if deep:
                self._evidence.series.add(snapshot.identity.totals, candidate.samples[-1].time)
            return snapshot
        return None

    @contextmanager
    def _walk(self, candidate: Candidate, walk: Walk, unfinished: str) -> Iterator[None]:
        """Around a walk: its cost goes into the ledger, and if it does not come to its end the report says so."""
        begun = time.thread_time()
        try:
            with candidate.ledger.walk(), quiet:
                yield
            self._budget.walked(walk, expected_blocks(candidate.samples[-1]), time.thread_time() - begun)
        except MemwatchError as error:
            self._evidence.missing.append(f"{unfinished}: {error}")
        except Exception as error:  # most likely no memory; what is known without the walk goes out all the same
            self._evidence.missing.append(f"{unfinished}: {describe_error(error)}")
            error.__traceback__ = None  # its frames hold what the walk held, and are a cycle with this one

    def _leak(self, candidate: Candidate, verdict: str, findings: _Findings) -> Leak:
        growth, last = candidate.growth, candidate.samples[-1]
        suspicion = self._evidence.suspicion
        grew = last.base - self._evidence.base if suspicion else 0
        suspects = find_suspects(findings.holdings, findings.diff, findings.lines, grew, verdict)
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
            ratchets=ratchets_of(self._evidence.series),
            suspects=suspects,
            missing=tuple(dict.fromkeys(self._evidence.missing)),
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
