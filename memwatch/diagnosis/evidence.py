"""The evidence for one suspicion: who was there when it arose, what grew since, who holds it, which lines made it.

Each step asks the budget first; what is left out, and why, stands in `missing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ..backend.allocations.recorded import read_recorded
from ..backend.allocations.recorder import Recorder
from ..backend.quiet import collect, quiet
from ..clock import Clock
from ..errors import MemwatchError, describe_error
from ..heap import Diff, Snapshot, TypeSeries, diff_snapshots, take_census, take_snapshot
from ..internal import internal
from ..retain import Holding, find_holdings, share_among
from ..watch import Candidate, Growth, Sample
from ..watch.sample import Lane
from .budget import Budget, Depth, Walk, expected_blocks
from .lines import Lines
from .suspects import only_grown
from .verdict import is_past_python

_LOOKS = 5
_LIFE = 8  # windows from a suspicion, in which walks are paid off: 4 until it is confirmed, and as long again
_TYPES_KEPT = 1 << 18  # bytes at most for the labels and the totals of a look
_FEW = 0.1  # of what grew: samples for so little say nothing of the rest
_RESIDENT = 150  # bytes an object: the most that a walk leaves in resident memory


@internal
@dataclass(slots=True)
class Evidence:
    """What is gathered for one suspicion; `base`, `small`, `rss`, `modules` are the meters' readings when it arose."""

    suspicion: Growth | None = None
    snapshot: Snapshot | None = None
    series: TypeSeries = field(default_factory=TypeSeries)
    base: int = 0
    small: int = 0
    rss: int = 0
    modules: int = 0
    garbage: int = 0  # objects that the judge's collection found
    native: bool = False  # the growth is past Python's blocks
    since: int = 0  # on the steady clock, in nanoseconds
    missing: list[str] = field(default_factory=list)

    @property
    def is_collection_overdue(self) -> bool:
        """Whether CPython's own rule should have had the garbage collected before the judge's collection.

        A full collection comes when what is new in the oldest generation is more than a quarter of what survived the
        last one (Modules/gcmodule.c, long_lived_pending), counted in objects, whatever their size. What was there at
        the suspicion stands for the survivors: the collector tracks fewer, so the collection comes earlier than that.
        """
        return self.snapshot is not None and 4 * self.garbage > self.snapshot.nodes

    def grew(self, last: Sample, lane: Lane = "base") -> int:
        """Bytes by which a meter has grown since the suspicion, as of *last*; 0 where there was none."""
        before, now = (self.base, last.base) if lane == "base" else (self.rss, last.rss)
        return now - before if self.suspicion else 0


@internal
@dataclass(slots=True)
class Findings:
    """What the walks at the verdict brought."""

    diff: Diff | None = None
    holdings: tuple[Holding, ...] = ()
    after: Snapshot | None = None
    lines: Lines = field(default_factory=Lines)

    @property
    def walked(self) -> bool:
        """Whether a walk has met every object that Python reaches."""
        return self.after is not None and self.after.deep


@internal
class Inquiry:
    """Gathers `evidence` for one watcher, on its thread, within a budget of *pause_budget* seconds a pause.

    *recorder*, if there is one, tells who allocated; while growth is suspected it looks more closely. *show_keys* shows
    the keys of dicts on the paths to holders.
    """

    def __init__(self, pause_budget: float, recorder: Recorder | None = None, show_keys: bool = False) -> None:
        self.evidence = Evidence()
        self._budget = Budget(pause_budget)
        self._recorder = recorder
        self._show_keys = show_keys

    def begin(self, candidate: Candidate) -> None:
        """Growth is suspected: take the snapshot that it will be measured from."""
        candidate.ledger.let_go()
        last, native = candidate.samples[-1], is_past_python(candidate.growth, candidate.samples)
        self._look(closely=True, native=native)
        self.evidence = Evidence(
            suspicion=candidate.growth,
            base=last.base,
            small=last.small,
            rss=last.rss,
            modules=last.modules,
            native=native,
            since=Clock.monotonic_ns(),
        )
        before = candidate.read()
        depth = self._depth(candidate)
        if depth != "none":
            snapshot = self.evidence.snapshot = self._snapshot(candidate, depth == "deep")
            if snapshot is not None:
                self._account(candidate, before, snapshot.nodes, snapshot.nbytes, snapshot.identity.mapped_bytes)

    def begin_anew(self, candidate: Candidate) -> None:
        """Measure from now on instead, if there were looks enough to know that what has grown so far is no one thing.

        A start-up lies before a leak in most lives; it must not stand for ever in what the leak has to explain.
        """
        before = self.evidence
        blocks = expected_blocks(candidate.samples[-1])
        wall = candidate.ledger.age + _LIFE / 4 * candidate.growth.seconds
        if before.series.readings < _LOOKS or before.snapshot is None or not before.snapshot.deep:
            return
        if self._budget.spares("deep", blocks, candidate.ledger.walked_seconds, wall):
            self.begin(candidate)
            if before.suspicion is not None:
                self.evidence.suspicion = replace(before.suspicion, end=candidate.samples[-1].time)

    def look_again(self, candidate: Candidate) -> None:
        """Count once more, if there is time for it beside what the verdict needs: which types only ever grow?"""
        snapshot, blocks = self.evidence.snapshot, expected_blocks(candidate.samples[-1])
        if snapshot is None or snapshot.deep is False:
            return
        wall = candidate.ledger.age + _LIFE / 4 * candidate.growth.seconds
        if self._budget.spares("deep", blocks, candidate.ledger.walked_seconds, wall):
            before = candidate.read()
            with self._walk(candidate, "deep", "types not counted once more"):
                self.evidence.series.add(take_census(give_up=candidate.give_up), candidate.samples[-1].time)
            self._account(candidate, before, snapshot.nodes)

    def end(self) -> None:
        """Let go of the evidence."""
        self._look(closely=False, native=False)
        self.evidence = Evidence()

    def rest(self) -> None:
        """Sample no more finely than at first. Native allocations are sampled on, for the leak may be told again."""
        self._look(closely=False, native=self.evidence.native)

    def _look(self, closely: bool, native: bool) -> None:
        if self._recorder is not None:
            self._recorder.look_closely(closely, native)

    def collect(self, candidate: Candidate) -> int | None:
        """Bytes that a full collection freed; None if there was none, because it would be too long or just was one."""
        if candidate.growth.detector == "consecutive":
            return None
        blocks = expected_blocks(candidate.samples[-1])
        too_long = not self._budget.may_collect(blocks)
        if too_long or candidate.give_up():
            why = "it would pause the program for too long" if too_long else "the time for the verdict was over"
            self.evidence.missing.append(f"no collection before the verdict: {why}")
            return None
        before, begun = candidate.read(), Clock.perf_counter()
        self.evidence.garbage = collect()
        took = Clock.perf_counter() - begun
        self._budget.collected(blocks, took)
        candidate.ledger.pause(took)
        return max(0, before.base - candidate.read().base)

    def find(self, candidate: Candidate, holders: bool) -> Findings:
        """What walks of the heap, for *holders* too, and the samples tell."""
        until = Clock.monotonic_ns()
        findings = self._walk_heap(candidate, holders)
        if self._recorder is not None:
            grew = self.evidence.grew(candidate.samples[-1])
            since = self.evidence.since or until - round(candidate.growth.seconds * 1e9)
            findings.lines = self._lines(self._recorder, findings.after, (since, until), grew)
        return findings

    def _lines(self, recorder: Recorder, after: Snapshot | None, times: tuple[int, int], grew: int) -> Lines:
        """What was allocated since the suspicion, the growth's window where there was none, and before *after*.

        One large thing that is replaced by a larger one again and again may have been since *until*: where what is left
        from before is little of the *grew* bytes, the lines are of all up to now.
        """
        if recorder.problem:
            self.evidence.missing.append(f"allocations were not sampled: {recorder.problem}")
            return Lines()
        since, until = times
        try:
            samples, is_app = read_recorded(recorder, since, until)
            if sum(it.size_bytes for it in samples) < _FEW * grew:
                after, until = None, Clock.monotonic_ns()
                samples, is_app = read_recorded(recorder, since, until)
        except Exception as error:  # somebody else has ended it, or there is no memory
            self.evidence.missing.append(f"no allocating lines: {describe_error(error)}")
            return Lines()
        is_known = after.contains if after is not None and after.deep else None
        return Lines(samples, is_app, is_known, recorder.finest, since, until)

    def _walk_heap(self, candidate: Candidate, holders: bool) -> Findings:
        """Compare the heap with the snapshot, and find who holds what is new."""
        before = self.evidence.snapshot
        if before is None:
            if self.evidence.suspicion is None:
                self.evidence.missing.append("no census: the growth had not been suspected before")
            return Findings()
        if before.deep:
            holdings = self._holdings(candidate, before) if holders else ()
            after = self._second(candidate, before)
            diff = diff_snapshots(before, after) if after else None
            return Findings(diff, holdings, after)
        after = self._second(candidate, before)
        diff = diff_snapshots(before, after) if after else None
        holdings = self._holdings(candidate, before, diff) if holders and diff else ()
        return Findings(diff, only_grown(holdings, diff) if diff else (), after=after)

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
                give_up=candidate.give_up,
                in_slices=in_slices,
                show_keys=self._show_keys,
            )
            return self._shared(candidate, before, held, walk)
        return ()

    def _shared(
        self, candidate: Candidate, before: Snapshot, holdings: tuple[Holding, ...], walk: Walk
    ) -> tuple[Holding, ...]:
        """*holdings*, the first told with all who hold the same, if there is time for one more search in one piece."""
        blocks = expected_blocks(candidate.samples[-1])
        wall = candidate.ledger.age + _LIFE / 4 * candidate.growth.seconds
        if not holdings or not before.deep or walk != "search":
            return holdings
        if not self._budget.spares(walk, blocks, candidate.ledger.walked_seconds, wall):
            return holdings
        with candidate.ledger.walk(), self._noting("who else holds it was not searched"):
            return (*share_among(holdings[0], before.addresses, candidate.give_up, self._show_keys), *holdings[1:])
        return holdings

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
            self.evidence.missing.append(f"{what}: {blocks:,} blocks are over the budget")
        return depth

    def _fits(self, candidate: Candidate, walk: Walk, what: str) -> bool:
        """Whether what is left for walks at the verdict is enough for this one."""
        blocks = expected_blocks(candidate.samples[-1])
        wall = candidate.ledger.age + _LIFE / 4 * candidate.growth.seconds
        fits = self._budget.fits(walk, blocks, candidate.ledger.walked_seconds, wall)
        if not fits:
            self.evidence.missing.append(f"{what} skipped: {blocks:,} blocks are over the budget")
        return fits

    def _snapshot(self, candidate: Candidate, deep: bool) -> Snapshot | None:
        with self._walk(candidate, "deep" if deep else "tracked", "census not finished"):
            snapshot = take_snapshot(deep=deep, give_up=candidate.give_up)
            candidate.ledger.pause(snapshot.pause_seconds)
            if deep:
                self.evidence.series.add(snapshot.identity.totals, candidate.samples[-1].time)
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
        with self._noting(unfinished):
            with candidate.ledger.walk(), quiet:
                yield
            self._budget.walked(walk, expected_blocks(candidate.samples[-1]), Clock.thread_time() - begun)

    @contextmanager
    def _noting(self, unfinished: str) -> Iterator[None]:
        """Around what may fail: the report says so."""
        try:
            yield
        except MemwatchError as error:
            self.evidence.missing.append(f"{unfinished}: {error}")
        except Exception as error:  # most likely no memory; what is known without the walk goes out all the same
            self.evidence.missing.append(f"{unfinished}: {describe_error(error)}")
            error.__traceback__ = None  # its frames hold what the walk held, and are a cycle with this one
