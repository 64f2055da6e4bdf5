"""The evidence for one suspicion: when the heap is looked at, what a collection takes away, which lines made the rest.

What a look may cost, and what it brings, is in `walks`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..backend.allocations.live import Sampled
from ..backend.allocations.recorded import read_births, read_recorded
from ..backend.allocations.recorder import Recorder
from ..backend.collect_in_main import collect_in_main
from ..backend.graph.in_child import Retained
from ..backend.meters.connections import count_accepted
from ..backend.meters.resident import read_mapped
from ..backend.meters.sqlite import read_sqlite_pages
from ..backend.process import count_interpreters, count_threads
from ..clock import Clock
from ..errors import describe_error
from ..heap import Snapshot
from ..internal import internal
from ..retain import count_imported
from ..watch import Candidate, Sample
from .budget import Budget, expected_blocks
from .findings import Evidence, Findings
from .forked_look import ForkedLook
from .lifetimes import Lifetimes
from .lines import Lines, Place, place_among
from .own_time import OwnTime
from .verdict import HALF, has_slowed, holds_start_up, is_past_python
from .walks import Walks

_LOOKS = 5
_YOUNG = 0.1  # of a growth's seconds: in less there is hardly any evidence of it
_BEFORE = 2  # times the seconds of a growth
_FEW = 0.1  # of what grew: samples for so little say nothing of the rest


@internal
class EvidenceCollector:
    """Gathers `evidence` for one watcher, on its thread, within a budget of *pause_budget* seconds a pause.

    *recorder*, if there is one, tells who allocated; while growth is suspected it looks more closely. *show_keys* shows
    the keys of dicts on the paths to holders.
    """

    def __init__(self, pause_budget: float, recorder: Recorder | None = None, show_keys: bool = False) -> None:
        self.evidence = Evidence()
        self.lifetimes, self.own_time = Lifetimes(), OwnTime()
        self._budget = Budget(pause_budget)
        self._child = ForkedLook(pause_budget)
        self._uncollected = ""
        self._recorder = recorder
        self._show_keys = show_keys

    def _walks(self, candidate: Candidate, from_suspicion: bool = False) -> Walks:
        self.own_time.note()
        return Walks(candidate, self.evidence, self._budget, self._child, self._show_keys, from_suspicion)

    def begin(self, candidate: Candidate) -> None:
        """Growth is suspected: take the snapshot that it will be measured from. Evidence of before goes first."""
        self.evidence = Evidence()
        self._begin(candidate)

    def _begin(self, candidate: Candidate) -> None:
        candidate.ledger.let_go()
        candidate.ledger.pause_budget = self._budget.pause_budget
        native = is_past_python(candidate.growth, candidate.samples)
        self._look(closely=True, native=native)
        before = candidate.read()  # the last sample may be of when the judge was being loaded
        now, loaded = Clock.monotonic_ns(), count_imported()
        suspicion = candidate.growth._replace(end=max(candidate.growth.end, before.time))  # it waited for the judge
        self.evidence = Evidence(suspicion=suspicion, modules=loaded, native=native, since=now)
        self.evidence.base, self.evidence.small, self.evidence.rss = before.base, before.small, before.rss
        self.evidence.interpreters, self.evidence.mapped = count_interpreters(), read_mapped()
        self.evidence.pages, self.evidence.connections = read_sqlite_pages(), count_accepted()
        self.evidence.threads, self.evidence.began = count_threads(), self.own_time.note()
        self.evidence.snapshot = self._walks(candidate, from_suspicion=True).first(before)
        self._see_lifetimes()

    def begin_anew(self, candidate: Candidate) -> bool:
        """Measure from now on instead, if enough looks have shown that no single thing grew so far. Whether it does.

        A start-up lies before a leak in most lives; it must not stand for ever in what the leak has to explain.
        """
        if self.evidence.series.readings < _LOOKS or not self.evidence.knows_all:
            return False
        return self._walks(candidate).may_begin_anew() and self._restart(candidate)

    def _restart(self, candidate: Candidate) -> bool:
        """Measure from now on, if a first look can be had; else all stays as it was. Whether it does.

        The meters are read once more when the old evidence is gone: until then what it holds is subtracted from them.
        """
        before, ledger = self.evidence, candidate.ledger
        held = ledger.bytes, ledger.mapped, ledger.mapped
        self._begin(candidate)
        if not self.evidence.knows_all:
            self.evidence = before
            ledger.let_go()
            ledger.hold(*held)
            return False
        if before.suspicion is not None:
            self.evidence.suspicion = before.suspicion._replace(end=candidate.last.time)
        del before
        now = candidate.read()
        self.evidence.base, self.evidence.small, self.evidence.rss = now.base, now.small, now.rss
        return True

    def _begin_late(self, candidate: Candidate) -> bool:
        """Take the first look once more: it could not be had, since when the heap has shrunk, or is out of date."""
        return self._walks(candidate, from_suspicion=True).may_begin() and self._restart(candidate)

    def is_young(self, candidate: Candidate) -> bool:
        """Whether what has grown since the evidence began anew, as after a start-up, is hardly any of the growth.

        It begins anew here where a start-up made most of what has come since the first look, which others have missed.
        """
        growth, came = candidate.growth, self.evidence.grew(candidate.last, candidate.growth.meter)
        if self.evidence.suspicion is None:
            return False
        if not self.evidence.began_anew and holds_start_up(growth, came, self.evidence.seconds(candidate.last)):
            began = self._begin_late(candidate)
            self.evidence.began_anew = began
        return self.evidence.began_anew and self.evidence.seconds(candidate.last) < _YOUNG * growth.seconds

    def _leave_behind(self, candidate: Candidate) -> bool:
        """Measure from now on, once, if what was suspected is over and something else grows: a start-up has ended."""
        suspicion = self.evidence.suspicion
        if self.evidence.began_anew or suspicion is None or not has_slowed(candidate.samples, suspicion.end):
            return False
        began = self._begin_late(candidate)
        self.evidence.began_anew = began
        return began

    def look_again(self, candidate: Candidate) -> bool:
        """Count once more, if there is time for it beside what the verdict needs: which types only ever grow?

        Whether all is measured from now on instead: a start-up has ended, or the first look can be had at last.
        """
        self._see_native(candidate)
        self._see_lifetimes()
        if self._leave_behind(candidate):
            return True
        if not self.evidence.knows_all:
            return self._begin_late(candidate)
        self._walks(candidate).count_again()
        return False

    def hold(self, candidate: Candidate, before: Sample) -> None:
        """Enter in the ledger what a verdict, begun at *before*, has left: names, lines and code that it looked up."""
        if self.evidence.snapshot is not None:
            self._walks(candidate).hold(before)

    def retained(self, candidate: Candidate, address: int) -> Retained | None:
        """What the object at *address* retains, if there is time and room to find that out after all else."""
        return self._walks(candidate).retained(address)

    def _see_native(self, candidate: Candidate) -> None:
        """Sample native allocations from now on, if what came since the suspicion is past Python's blocks.

        What came before it may have been Python's, as a start-up is.
        """
        evidence, last = self.evidence, candidate.last
        grew = evidence.grew(last, candidate.growth.meter)
        if not evidence.native and last.small - evidence.small < HALF * grew:
            evidence.native = True
            self._look(closely=True, native=True)

    def _see_lifetimes(self) -> None:
        """Note how old what each line has made is by now."""
        if self._recorder is None or self._recorder.sampling is None:
            return
        births: dict[Place, list[int]] = {}
        try:
            by_stack, is_app = read_births(self._recorder)
        except Exception:  # why there are none is said where the lines are missing
            return
        for frames, found in by_stack.items():
            births.setdefault(place_among(frames, is_app), []).extend(found)
        self.lifetimes.look(Clock.monotonic_ns(), births)

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
        """The bytes that a full collection freed now, with those that young ones freed since the last reading.

        None if no collection was made: it would take too long, or one has just been made.
        """
        self._uncollected = ""
        if candidate.growth.detector == "consecutive":
            return None
        blocks = expected_blocks(candidate.last)
        too_long = not self._budget.may_collect(blocks)
        if too_long or candidate.should_cancel():
            why = "it would pause the program for too long" if too_long else "the time for the verdict was over"
            self._uncollected = f"no collection before the verdict: {why}"
            return None
        before, collected = candidate.read(), collect_in_main(candidate.should_cancel)
        if collected is None:
            self._uncollected = "no collection before the verdict: the main thread, to which it belongs, was busy"
            return None
        self.evidence.garbage = collected.garbage
        self._budget.collected(blocks, collected.hold.work)
        candidate.ledger.collected(collected.hold, collected.elsewhere)
        after = candidate.read().base
        return max(0, before.base - after, candidate.last.base - after)

    def find(self, candidate: Candidate, holders: bool) -> Findings:
        """What walks of the heap and the samples show; with *holders* also who holds it."""
        until, evidence = Clock.monotonic_ns(), self.evidence
        before, walks = len(evidence.missing), self._walks(candidate)
        findings = Findings()
        if evidence.snapshot is not None:
            findings = walks.compare(evidence.snapshot, holders)
        elif evidence.suspicion is None:
            evidence.missing.append("no census: the growth had not been suspected before")
        if self._uncollected and findings.garbage is None:
            evidence.missing.insert(before, self._uncollected)
        if self._recorder is not None:
            grew = evidence.grew(candidate.last)
            since = evidence.since or until - round(candidate.growth.seconds * 1e9)
            findings.lines = _lines_since(self._recorder, findings.after, (since, until), grew, evidence.missing)
        if holders and not findings.walked and not findings.holdings:
            findings.holdings = walks.near(findings.lines)
        return findings

    def lengthen(self, lines: Lines, survivors: Sequence[Sampled], seconds: float) -> bool | None:
        """Whether what the lines of *survivors* have made lives longer and longer, in growth that took so many
        *seconds*. Looks shortly before it count, of a suspicion that has lapsed: what came and went longer ago says
        nothing of what stays since."""
        since = Clock.monotonic_ns() - round(_BEFORE * seconds * 1e9)
        return self.lifetimes.lengthen({lines.place_of(it) for it in survivors}, since)

    def survivors(self, lines: Lines, grew: int, seconds: float) -> list[Sampled]:
        """What lives of all that the *lines* have made which made most of *grew* bytes, if it was sampled for so many
        *seconds*: long before the suspicion."""
        self._see_lifetimes()
        sampling = None if self._recorder is None else self._recorder.sampling
        now = Clock.monotonic_ns()
        if self._recorder is None or sampling is None or now - sampling.begun < seconds * 1e9:
            return []
        try:
            samples, _ = read_recorded(self._recorder, 0, now)
        except Exception:  # why there are none is said where the lines are missing
            return []
        return lines.of_same_lines(grew, samples)


def _lines_since(
    recorder: Recorder, after: Snapshot | None, times: tuple[int, int], grew: int, missing: list[str]
) -> Lines:
    """What was allocated since the suspicion, the growth's window where there was none, and before *after*.

    *times* are its begin and its end, on the steady clock in nanoseconds. If samples taken before the end explain less
    than 10 % of the *grew* bytes, as with a buffer that is reallocated again and again, all samples up to now are used.
    What could not be read is added to *missing*.
    """
    if recorder.problem:
        missing.append(f"allocations were not sampled: {recorder.problem}")
        return Lines()
    since, until = times
    try:
        samples, is_app = read_recorded(recorder, since, until)
        if sum(it.size_bytes for it in samples) < _FEW * grew:
            after, until = None, Clock.monotonic_ns()
            samples, is_app = read_recorded(recorder, since, until)
    except Exception as error:  # somebody else has ended it, or there is no memory
        missing.append(f"no allocating lines: {describe_error(error)}")
        return Lines()
    is_known = after.contains if after is not None and after.deep else None
    return Lines(samples, is_app, is_known, recorder.finest, since, until)
