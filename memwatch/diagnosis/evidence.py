"""The evidence for one suspicion: who was there when it arose, what grew since, who holds it, which lines made it.

Each step asks the budget first; what is left out, and why, stands in `missing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..backend.allocations.recorder import Recorder
from ..backend.meters.resident import read_mapped
from ..backend.process import count_interpreters
from ..backend.quiet import collect, quiet
from ..clock import Clock
from ..heap import Census, Diff, Snapshot, Totals, diff_snapshots, snapshot_of, take_census, take_snapshot
from ..internal import internal
from ..retain import (
    Holding,
    ask_holders,
    bytes_of_places,
    count_imported,
    find_holdings,
    holdings_of,
    share_among,
    unreached,
)
from ..units import format_bytes
from ..watch import Candidate, Sample
from .apart import Apart
from .budget import Budget, Walk, expected_blocks, time_shared
from .findings import Evidence, Findings, Garbage
from .sampled_holders import holders_near
from .sampled_lines import lines_since
from .suspects import only_grown
from .verdict import HALF, has_slowed, is_past_python

_LOOKS = 5
_TYPES_KEPT = 1 << 18  # bytes at most for the labels and the totals of a look
_NAMING = 0.5  # seconds of processor time, for the places that a child found; the largest come first
_RESIDENT = 150  # bytes an object: the most that a walk leaves in resident memory


@internal
class EvidenceCollector:
    """Gathers `evidence` for one watcher, on its thread, within a budget of *pause_budget* seconds a pause.

    *recorder*, if there is one, tells who allocated; while growth is suspected it looks more closely. *show_keys* shows
    the keys of dicts on the paths to holders.
    """

    def __init__(self, pause_budget: float, recorder: Recorder | None = None, show_keys: bool = False) -> None:
        self.evidence = Evidence()
        self._budget = Budget(pause_budget)
        self._apart = Apart(pause_budget)
        self._uncollected = ""
        self._recorder = recorder
        self._show_keys = show_keys

    def begin(self, candidate: Candidate) -> None:
        """Growth is suspected: take the snapshot that it will be measured from."""
        candidate.ledger.let_go()
        candidate.ledger.pause_budget = self._budget.pause_budget
        last, native = candidate.samples[-1], is_past_python(candidate.growth, candidate.samples)
        self._look(closely=True, native=native)
        now, loaded = Clock.monotonic_ns(), count_imported()
        self.evidence = Evidence(suspicion=candidate.growth, modules=loaded, native=native, since=now)
        self.evidence.base, self.evidence.small, self.evidence.rss = last.base, last.small, last.rss
        self.evidence.interpreters, self.evidence.mapped = count_interpreters(), read_mapped()
        before = candidate.read()
        snapshot = self.evidence.snapshot = self._first(candidate)
        if snapshot is not None:
            self._account(candidate, before, snapshot.nodes, snapshot.nbytes, snapshot.identity.mapped_bytes)

    def begin_anew(self, candidate: Candidate) -> bool:
        """Measure from now on instead, if there were looks enough to know that what has grown so far is no one thing;
        whether it does.

        A start-up lies before a leak in most lives; it must not stand for ever in what the leak has to explain.
        """
        before = self.evidence
        blocks = expected_blocks(candidate.samples[-1])
        wall = time_shared(candidate)
        if before.series.readings < _LOOKS or before.snapshot is None or not before.snapshot.deep:
            return False
        here = self._budget.spares("deep", blocks, candidate.ledger.walked_seconds, wall)
        if here or self._apart.why_not("census", blocks, candidate.ledger.child_seconds, wall, 2) is None:
            self._restart(candidate)
        return self.evidence is not before

    def _restart(self, candidate: Candidate) -> None:
        """Measure from now on, if who is there can be found out; else all stays as it was."""
        before = self.evidence
        self.begin(candidate)
        if self.evidence.snapshot is None or not self.evidence.snapshot.deep:
            self.evidence = before
        elif before.suspicion is not None:
            self.evidence.suspicion = before.suspicion._replace(end=candidate.samples[-1].time)

    def _begin_late(self, candidate: Candidate) -> None:
        """Take the first look once more: it could not be had, since when the heap has shrunk, or is out of date."""
        blocks, ledger = expected_blocks(candidate.samples[-1]), candidate.ledger
        wall = time_shared(candidate, whole=True)
        here = self._budget.census_depth(blocks, ledger.walked_seconds, wall) == "deep"
        if here or self._apart.why_not("census", blocks, ledger.child_seconds, wall, 1) is None:
            self._restart(candidate)

    def _leave_behind(self, candidate: Candidate) -> bool:
        """Measure from now on, once, if what was suspected is over and something else grows: a start-up has ended."""
        before = self.evidence
        if before.began_anew or before.suspicion is None or not has_slowed(candidate.samples, before.suspicion.end):
            return False
        before.began_anew = True
        self._begin_late(candidate)
        self.evidence.began_anew = True
        return self.evidence is not before

    def look_again(self, candidate: Candidate) -> None:
        """Count once more, if there is time for it beside what the verdict needs: which types only ever grow?"""
        self._see_native(candidate)
        if self._leave_behind(candidate):
            return
        snapshot, blocks = self.evidence.snapshot, expected_blocks(candidate.samples[-1])
        if snapshot is None or snapshot.deep is False:
            self._begin_late(candidate)
            return
        wall = time_shared(candidate)
        before = candidate.read()
        if self._budget.spares("deep", blocks, candidate.ledger.walked_seconds, wall):
            with self._walk(candidate, "deep", "types not counted once more"):
                self._count(candidate, take_census(should_cancel=candidate.should_cancel))
        elif look := self._apart.ask(candidate, self.evidence, wall, "types not counted once more", verdicts=2):
            self._count(candidate, look.identity.totals)
        else:
            return
        self._account(candidate, before, snapshot.nodes)

    def _count(self, candidate: Candidate, totals: Census | Totals) -> None:
        self.evidence.series.add(totals, candidate.samples[-1].time, Clock.process_time())

    def _see_native(self, candidate: Candidate) -> None:
        """Sample native allocations from now on, if what came since the suspicion is past Python's blocks.

        What came before it may have been Python's, as a start-up is.
        """
        evidence, last = self.evidence, candidate.samples[-1]
        grew = evidence.grew(last, candidate.growth.meter)
        if not evidence.native and last.small - evidence.small < HALF * grew:
            evidence.native = True
            self._look(closely=True, native=True)

    def end(self) -> None:
        """Let go of the evidence."""
        self._look(closely=False, native=False)
        self.evidence = Evidence()

    def rest(self) -> None:
        """Sample no more finely than at first. Native allocations are sampled on: the leak may be reported again."""
        self._look(closely=False, native=self.evidence.native)

    def _look(self, closely: bool, native: bool) -> None:
        if self._recorder is not None:
            self._recorder.use_fine_interval(closely, native)

    def collect(self, candidate: Candidate) -> int | None:
        """Bytes that a full collection freed, and young ones since the last reading, up to which growth is measured;
        None if there was no full one, because it would be too long or just was one."""
        self._uncollected = ""
        if candidate.growth.detector == "consecutive":
            return None
        blocks = expected_blocks(candidate.samples[-1])
        too_long = not self._budget.may_collect(blocks)
        if too_long or candidate.should_cancel():
            why = "it would pause the program for too long" if too_long else "the time for the verdict was over"
            self._uncollected = f"no collection before the verdict: {why}"
            return None
        before, begun = candidate.read(), Clock.perf_counter()
        self.evidence.garbage = collect()
        took = Clock.perf_counter() - begun
        self._budget.collected(blocks, took)
        candidate.ledger.pause(took)
        after = candidate.read().base
        return max(0, before.base - after, candidate.samples[-1].base - after)

    def find(self, candidate: Candidate, holders: bool) -> Findings:
        """What walks of the heap, for *holders* too, and the samples tell."""
        until = Clock.monotonic_ns()
        before = len(self.evidence.missing)
        findings = self._walk_heap(candidate, holders)
        if self._uncollected and findings.garbage is None:
            self.evidence.missing.insert(before, self._uncollected)
        if self._recorder is not None:
            grew = self.evidence.grew(candidate.samples[-1])
            since = self.evidence.since or until - round(candidate.growth.seconds * 1e9)
            findings.lines = lines_since(self._recorder, findings.after, (since, until), grew, self.evidence.missing)
        if holders and not findings.walked and not findings.holdings:
            budget, show_keys = self._budget.pause_budget, self._show_keys
            findings.holdings = holders_near(candidate, self.evidence, findings.lines, budget, show_keys)
        return findings

    def _walk_heap(self, candidate: Candidate, holders: bool) -> Findings:
        """Compare the heap with the snapshot, and find who holds what is new."""
        before = self.evidence.snapshot
        if before is None:
            if self.evidence.suspicion is None:
                self.evidence.missing.append("no census: the growth had not been suspected before")
            return Findings()
        if before.deep and not self._fits_here(candidate) and (found := self._walk_apart(candidate, before, holders)):
            return found
        if before.deep:
            holdings = self._holdings(candidate, before) if holders else ()
            after = self._second(candidate, before)
            diff = diff_snapshots(before, after) if after else None
            return Findings(diff, holdings, after)
        after = self._second(candidate, before)
        diff = diff_snapshots(before, after) if after else None
        holdings = self._holdings(candidate, before, diff) if holders and diff else ()
        return Findings(diff, only_grown(holdings, diff) if diff else (), after=after)

    def _fits_here(self, candidate: Candidate) -> bool:
        """Whether a second census and the search may be made in this process."""
        blocks, spent = expected_blocks(candidate.samples[-1]), candidate.ledger.walked_seconds
        wall = time_shared(candidate)
        return self._budget.fits("deep", blocks, spent, wall) and self._budget.fits("search", blocks, spent, wall)

    def _walk_apart(self, candidate: Candidate, before: Snapshot, holders: bool) -> Findings | None:
        """The same by one forked child, with what nothing leads to."""
        if not self._apart.can_look:
            return None
        wall = time_shared(candidate)
        question = ask_holders() if holders else None
        look = self._apart.ask(candidate, self.evidence, wall, "no look by a forked child", question=question)
        if look is None:
            return None
        after = snapshot_of(look.identity)
        self._count(candidate, look.identity.totals)
        diff = diff_snapshots(before, after)
        findings = Findings(diff, after=after)
        if question is not None:
            with self.evidence.noting("holders not told"):
                until = Clock.thread_time() + _NAMING
                findings.holdings = holdings_of(
                    question, look.places, self._show_keys, lambda: Clock.thread_time() > until
                )
                self._say_lost(bytes_of_places(look.places), sum(it.retained_bytes for it in findings.holdings))
            findings.garbage = Garbage(*unreached(look.by_root))
        return findings

    def _say_lost(self, found: int, reported: int) -> None:
        """That holders are missing which the child has seen: they are gone, or changed too fast to be named."""
        if reported < HALF * found:
            why = "the child found them, and they were not found again, or not named in time"
            self.evidence.missing.append(f"holders of {format_bytes(found - reported)} not named: {why}")

    def _holdings(self, candidate: Candidate, before: Snapshot, tracked: Diff | None = None) -> tuple[Holding, ...]:
        """Who holds what is new since *before*; *tracked* says what grew, if both are of tracked objects alone."""
        grown = None if tracked is None else {found.address for found in tracked.grown}
        blocks = expected_blocks(candidate.samples[-1])
        walk = self._budget.search_of(blocks)
        if not self._fits(candidate, walk, "search for holders"):
            return ()
        with self._walk(candidate, walk, "holders not searched"):
            in_slices = walk == "sliced search"
            held = find_holdings(
                before.addresses,
                grown=grown,
                should_cancel=candidate.should_cancel,
                in_slices=in_slices,
                show_keys=self._show_keys,
            )
            return self._shared(candidate, before, held, walk)
        return ()

    def _shared(
        self, candidate: Candidate, before: Snapshot, holdings: tuple[Holding, ...], walk: Walk
    ) -> tuple[Holding, ...]:
        """*holdings*, the first reported with all its holders, if there is time for one more search in one piece."""
        blocks = expected_blocks(candidate.samples[-1])
        wall = time_shared(candidate)
        if not holdings or not before.deep or walk != "search":
            return holdings
        if not self._budget.spares(walk, blocks, candidate.ledger.walked_seconds, wall):
            return holdings
        with candidate.ledger.walk(), self.evidence.noting("who else holds it was not searched"):
            return (
                *share_among(holdings[0], before.addresses, candidate.should_cancel, self._show_keys),
                *holdings[1:],
            )
        return holdings

    def _second(self, candidate: Candidate, before: Snapshot) -> Snapshot | None:
        fits = self._fits(candidate, "deep" if before.deep else "tracked", "second census")
        return self._snapshot(candidate, before.deep) if fits else None

    def _first(self, candidate: Candidate) -> Snapshot | None:
        """Who is there: by a walk here, else by a forked child, else of tracked objects alone, or not at all.

        All walks up to the verdict share one time.
        """
        blocks = expected_blocks(candidate.samples[-1])
        wall = time_shared(candidate, whole=True)
        depth = self._budget.census_depth(blocks, candidate.ledger.walked_seconds, wall)
        if depth == "deep":
            return self._snapshot(candidate, True)
        look = self._apart.ask(candidate, self.evidence, wall, "census not finished", verdicts=1)
        if look is not None:
            self._count(candidate, look.identity.totals)
            return snapshot_of(look.identity)
        what = "census of tracked objects alone" if depth == "tracked" else "census skipped"
        self.evidence.missing.append(f"{what}: {blocks:,} blocks are over the budget{self._apart.reason}")
        return None if depth == "none" else self._snapshot(candidate, False)

    def _fits(self, candidate: Candidate, walk: Walk, what: str) -> bool:
        """Whether what is left for walks is enough for this one."""
        blocks = expected_blocks(candidate.samples[-1])
        wall = time_shared(candidate)
        fits = self._budget.fits(walk, blocks, candidate.ledger.walked_seconds, wall)
        if not fits:
            self.evidence.missing.append(f"{what} skipped: {blocks:,} blocks are over the budget{self._apart.reason}")
        return fits

    def _snapshot(self, candidate: Candidate, deep: bool) -> Snapshot | None:
        with self._walk(candidate, "deep" if deep else "tracked", "census not finished"):
            snapshot = take_snapshot(deep=deep, should_cancel=candidate.should_cancel)
            candidate.ledger.pause(snapshot.pause_seconds)
            if deep:
                self._count(candidate, snapshot.identity.totals)
            return snapshot
        return None

    def _account(self, candidate: Candidate, before: Sample, nodes: int, nbytes: int = 0, mapped: int = 0) -> None:
        """Enter in the ledger what a look keeps, and what it left in resident memory, as measured since *before*.

        The program goes on growing meanwhile, and only what the look can account for is taken for memwatch's: of
        *nodes* objects, of which it keeps *nbytes*, *mapped* of them outside the heap, and some for each type.
        """
        after, kept = candidate.read(), nbytes - mapped
        base, rss = (round(rate * (after.clock - before.clock)) for rate in candidate.rates)
        heap = min(max(after.base - before.base - base, kept), 2 * kept + _TYPES_KEPT)
        resident = min(max(after.rss - before.rss - rss, 0), _RESIDENT * nodes)
        candidate.ledger.hold(heap, mapped, resident)

    @contextmanager
    def _walk(self, candidate: Candidate, walk: Walk, unfinished: str) -> Iterator[None]:
        """Around a walk: its cost goes into the ledger, and if it does not come to its end the report says so."""
        begun = Clock.thread_time()
        with self.evidence.noting(unfinished):
            with candidate.ledger.walk(), quiet:
                yield
            self._budget.walked(walk, expected_blocks(candidate.samples[-1]), Clock.thread_time() - begun)
