"""Which walks through the heap may be made for one suspicion, in this process or in a forked child, and what do they
find?

The budget is asked before each one. What was left out, and why, stands in the evidence's `missing`; what a walk took is
entered in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..backend.census.contract import Look
from ..backend.graph.in_child import Retained
from ..backend.quiet import quiet
from ..backend.type_labels import type_label
from ..clock import Clock
from ..heap import Census, Diff, Snapshot, Totals, diff_snapshots, snapshot_of, take_census, take_snapshot
from ..internal import internal
from ..retain import (
    Holding,
    Question,
    RootKind,
    Wanted,
    ask_grown,
    ask_holders,
    bytes_of_places,
    find_grown,
    find_holdings,
    find_near,
    grown_of,
    holdings_of,
    share_among,
    unreached,
)
from ..units import format_bytes
from ..watch import Candidate, Sample
from .budget import Allowance, Budget, Walk, expected_blocks, time_shared
from .findings import Evidence, Findings, Garbage
from .forked_look import ForkedLook
from .lines import Lines
from .suspects import FIRST_SHARE, only_grown
from .verdict import HALF

ESTIMATED = "the heap was searched near to its roots alone: what holders keep is estimated from samples"
NOT_FOUND = "holders not found: the heap was searched near to its roots alone, for what was sampled"
_LONGEST_NEAR = 0.025  # seconds at once, as expected: half of what may be, for no estimate is sure
_NEAR_SHARE = 0.01  # of the time since watching began, for all searches near to the roots together
_LEAST_NEAR = 1.0  # seconds of processor time, as the first walks of a process may take
_TYPES_KEPT = 1 << 18  # bytes at most for the labels and the totals of a look
_SHORT = 0.02  # seconds: what holds the program for longer is better done by a forked child, whose price is the fork
_NAMING = 0.5  # seconds of processor time, for the places that a child found; the largest come first
_BUFFERS = frozenset(("bytearray", "_io.StringIO", "array.array"))
_EXAMPLES = 8  # of many buffers of one type that grew
_RESIDENT = 150  # bytes an object: the most that a walk leaves in resident memory


@internal
class Walks:
    """The walks for *candidate*, which add to *evidence* what they count and what they miss.

    *from_suspicion* is for walks that begin at the suspicion, as `time_shared` says. *show_keys* shows the keys of
    dicts on the paths to holders.
    """

    def __init__(
        self,
        candidate: Candidate,
        evidence: Evidence,
        budget: Budget,
        child: ForkedLook,
        show_keys: bool = False,
        from_suspicion: bool = False,
    ) -> None:
        self._candidate = candidate
        self._evidence = evidence
        self._budget = budget
        self._child = child
        self._show_keys = show_keys
        self._blocks = expected_blocks(candidate.last)
        self._wall = time_shared(candidate, from_suspicion)

    def may_begin(self) -> bool:
        """Whether a first look at every object may be had, and after it what a verdict needs."""
        return self._budget.census_depth(self._allowance()) == "deep" or self._child_may(verdicts=1)

    def may_begin_anew(self) -> bool:
        """The same where there has been a first look already."""
        return self._spares("deep") or self._child_may(verdicts=2)

    def _child_may(self, verdicts: int) -> bool:
        allowance = self._allowance()._replace(spent=self._candidate.ledger.child_seconds)
        return self._child.why_not("census", allowance, verdicts) is None

    def _allowance(self) -> Allowance:
        """What walks in this process may take now."""
        return Allowance(self._blocks, self._candidate.ledger.walked_seconds, self._wall)

    def _spares(self, walk: Walk) -> bool:
        return self._budget.spares(walk, self._allowance())

    def _fits(self, walk: Walk) -> bool:
        return self._budget.fits(walk, self._allowance())

    def _fits_or_note(self, walk: Walk, what: str) -> bool:
        fits = self._fits(walk)
        if not fits:
            self._note_over(f"{what} skipped")
        return fits

    def _note_over(self, what: str) -> None:
        self._evidence.missing.append(f"{what}: {self._blocks:,} blocks are over the budget{self._child.reason}")

    def first(self, before: Sample) -> Snapshot | None:
        """Who is there: by a walk here, else by a forked child, else of tracked objects alone, or not at all.

        *before* is read right before. All walks up to the verdict share one time.
        """
        snapshot = self._first()
        if snapshot is not None:
            self.hold(before, snapshot.nodes, snapshot.nbytes, snapshot.identity.mapped_bytes)
        return snapshot

    def _first(self) -> Snapshot | None:
        depth = self._budget.census_depth(self._allowance())
        if look := self._look("deep", depth == "deep", "census not finished", verdicts=1):
            self._count(look.identity.totals)
            return snapshot_of(look.identity)
        if depth == "deep":
            return self._snapshot(True)
        self._note_over("census of tracked objects alone" if depth == "tracked" else "census skipped")
        return None if depth == "none" else self._snapshot(False)

    def count_again(self) -> None:
        """Count the objects by type once more, if there is time for it beside what the verdict needs."""
        before, unfinished, fits = self._candidate.read(), "types not counted once more", self._spares("deep")
        if look := self._look("deep", fits, unfinished, verdicts=2):
            self._count(look.identity.totals)
        elif fits:
            with self._walk("deep", unfinished):
                self._count(take_census(should_cancel=self._candidate.should_cancel))
        else:
            return
        self.hold(before, self._blocks)

    def compare(self, before: Snapshot, holders: bool) -> Findings:
        """What has come since *before*, and with *holders* who holds it."""
        if before.deep and (found := self._compare_in_child(before, holders)):
            return found
        if before.deep:
            holdings = self._holdings(before) if holders else ()
            after = self._second(before)
            diff = diff_snapshots(before, after) if after else None
            in_place = self._grown_in_place(diff) if holders and diff else ()
            return Findings(diff, (*holdings, *in_place), after, garbage=_garbage_of(holdings))
        after = self._second(before)
        diff = diff_snapshots(before, after) if after else None
        holdings = self._holdings(before, diff) if holders and diff else ()
        return Findings(diff, only_grown(holdings, diff) if diff else (), after)

    def retained(self, address: int) -> Retained | None:
        """What the object at *address* retains, by a forked child, if it may look."""
        return self._child.retained(self._candidate, self._evidence, self._wall, address)

    def near(self, lines: Lines) -> tuple[Holding, ...]:
        """Who holds what the samples of *lines* show, as far as that lies near to the roots; `missing` says what it is
        worth. For heaps that neither this process nor a forked child may walk."""
        candidate, objects = self._candidate, lines.objects
        if not objects:
            return ()
        until = Clock.thread_time() + max(_LEAST_NEAR, _NEAR_SHARE * candidate.ledger.age)
        found: tuple[Holding, ...] = ()
        with self._evidence.noting("holders not searched"), candidate.ledger.walk():
            found = find_near(
                Wanted({it.address: (it.label, it.count) for it in objects}),
                min(_LONGEST_NEAR, HALF * self._budget.pause_budget),
                lambda: Clock.thread_time() > until or candidate.should_cancel(),
                self._show_keys,
            )
            self._evidence.missing.append(ESTIMATED if found else NOT_FOUND)
        return found

    def _compare_in_child(self, before: Snapshot, holders: bool) -> Findings | None:
        """The same by one forked child, with what nothing leads to."""
        question = ask_holders() if holders and self._child.can_look else None
        fits = self._fits("deep") and self._fits("search")
        look = self._look("search" if holders else "deep", fits, "no look by a forked child", question=question)
        if look is None:
            return None
        after = snapshot_of(look.identity)
        self._count(look.identity.totals)
        diff = diff_snapshots(before, after)
        findings = Findings(diff, after=after)
        if question is not None:
            findings.holdings = self._named(question, look, before, fits) + self._grown_in_place(diff)
            findings.garbage = Garbage(*unreached(look.by_root))
        return findings

    def _named(self, question: Question, look: Look, before: Snapshot, fits: bool) -> tuple[Holding, ...]:
        """The holders that the child has seen. If most are gone, or changed too fast to be named, they are searched
        for here where that *fits*; else they are missing."""
        with self._evidence.noting("holders not named"):
            until = Clock.thread_time() + _NAMING
            named = holdings_of(
                question,
                look.places,
                self._show_keys,
                is_over=lambda: Clock.thread_time() > until,
                may_list=self._fits("tracked"),
                is_old=lambda obj: before.contains(id(obj), type_label(type(obj))),
            )
            lost = bytes_of_places(look.places) - sum(it.retained_bytes for it in named)
            if HALF * bytes_of_places(look.places) >= lost:
                return named
            if fits:
                return self._holdings(before)
            why = "the child found them, and they were not found again, or not named in time"
            self._evidence.missing.append(f"holders of {format_bytes(lost)} not named: {why}")
            return named
        return ()

    def _holdings(self, before: Snapshot, tracked: Diff | None = None) -> tuple[Holding, ...]:
        """Who holds what is new since *before*; *tracked* says what grew, if both are of tracked objects alone."""
        walk = self._budget.search_of(self._blocks)
        if not self._fits_or_note(walk, "search for holders"):
            return ()
        with self._walk(walk, "holders not searched"):
            holdings = find_holdings(
                before.addresses,
                grown=None if tracked is None else {found.address for found in tracked.grown},
                should_cancel=self._candidate.should_cancel,
                in_slices=walk == "sliced search",
                show_keys=self._show_keys,
            )
            may_share = before.deep and walk == "search" and holdings and self._spares(walk)
            return self._shared(before, holdings) if may_share else holdings
        return ()

    def _shared(self, before: Snapshot, holdings: tuple[Holding, ...]) -> tuple[Holding, ...]:
        """*holdings*, the first reported with all its holders, by one more search in one piece."""
        first, *rest = holdings
        with self._candidate.ledger.walk(), self._evidence.noting("who else holds it was not searched"):
            parts = share_among(first, before.addresses, self._candidate.should_cancel, self._show_keys)
            return (*parts, *rest)
        return holdings

    def _grown_in_place(self, diff: Diff) -> tuple[Holding, ...]:
        """Who holds the buffer that grew most in place, or some of many of its type, if that is much: they are old, and
        no search for what is new finds them. By a walk here, else by a forked child."""
        addresses, by = _grown_most(diff)
        if not addresses:
            return ()
        unfinished, fits = "who holds what grew in place was not searched", self._fits("search")
        question = ask_grown(addresses) if self._child.can_look else None
        if question and (look := self._look("search", fits, unfinished, question=question)):
            return grown_of(question, look.places, by, self._show_keys)
        if fits:
            with self._candidate.ledger.walk(), self._evidence.noting(unfinished):
                return find_grown(addresses, by, self._candidate.should_cancel, self._show_keys)
        return ()

    def _look(
        self, walk: Walk, fits: bool, unfinished: str, verdicts: int = 0, question: Question | None = None
    ) -> Look | None:
        """What a forked child sees; None where *walk* here *fits* and is short, where no child may look, or it failed.

        A walk here that fits is made then, and nothing is missing.
        """
        if fits and self._is_short(walk):
            return None
        noted = len(self._evidence.missing)
        look = self._child.ask(self._candidate, self._evidence, self._wall, unfinished, verdicts, question)
        if look is None and fits:
            del self._evidence.missing[noted:]
        return look

    def _is_short(self, walk: Walk) -> bool:
        """Whether *walk* holds the program for a moment, or for less than a fork would."""
        hold = self._budget.hold_of(walk, self._blocks)
        return hold <= _SHORT or hold <= self._child.expected_hold()

    def _second(self, before: Snapshot) -> Snapshot | None:
        fits = self._fits_or_note("deep" if before.deep else "tracked", "second census")
        return self._snapshot(before.deep) if fits else None

    def _snapshot(self, deep: bool) -> Snapshot | None:
        with self._walk("deep" if deep else "tracked", "census not finished"):
            snapshot = take_snapshot(deep=deep, should_cancel=self._candidate.should_cancel)
            if deep:
                self._count(snapshot.identity.totals)
            return snapshot
        return None

    def _count(self, totals: Census | Totals) -> None:
        work = Clock.process_time() - Clock.thread_time()  # the program's own: this thread is memwatch's
        self._evidence.series.add(totals, self._candidate.last.time, work)

    def hold(self, before: Sample, nodes: int = 0, nbytes: int = 0, mapped: int = 0) -> None:
        """Enter in the ledger what a look keeps, and what it left in resident memory, as measured since *before*.

        The program goes on growing meanwhile, and only what the look can account for is taken for memwatch's: of
        *nodes* objects, of which it keeps *nbytes*, *mapped* of them outside the heap, and some for each type.
        """
        candidate = self._candidate
        after, kept = candidate.read(), nbytes - mapped
        base, rss = (round(rate * (after.clock - before.clock)) for rate in candidate.rates)
        heap = min(max(after.base - before.base - base, kept), 2 * kept + _TYPES_KEPT)
        resident = min(max(after.rss - before.rss - rss, 0), _RESIDENT * nodes)
        candidate.ledger.hold(heap, mapped, resident)

    @contextmanager
    def _walk(self, walk: Walk, unfinished: str) -> Iterator[None]:
        """Around a walk: its cost goes into the ledger, and if it does not come to its end the report says so."""
        begun = Clock.thread_time()
        with self._evidence.noting(unfinished):
            with self._candidate.ledger.walk(), quiet:
                yield
            self._budget.walked(walk, self._blocks, Clock.thread_time() - begun)


def _grown_most(diff: Diff) -> tuple[list[int], int]:
    """The address of the buffer that grew most, and its bytes; or those of some of its type, and the bytes of all; none
    if they are few of what came."""
    grown = [it for it in diff.grown if it.what in _BUFFERS]
    least = FIRST_SHARE * sum(row.size_bytes for row in diff.change.details if row.size_bytes > 0)
    if not grown:
        return [], 0
    by = grown[0].after_bytes - grown[0].before_bytes
    if by >= least:
        return [grown[0].address], by
    alike = [it.address for it in grown if it.what == grown[0].what][:_EXAMPLES]
    by = next(row.grown_bytes for row in diff.change.details if row.what == grown[0].what)
    return (alike, by) if by >= least else ([], 0)


def _garbage_of(holdings: Sequence[Holding]) -> Garbage | None:
    """What nothing leads to, if there is such."""
    lost = [it for it in holdings if it.path.root.kind is RootKind.CYCLE]
    return Garbage(sum(it.retained_items for it in lost), sum(it.retained_bytes for it in lost)) if lost else None
