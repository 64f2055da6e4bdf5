"""Is it a leak? The judge gathers evidence from a suspicion on, and decides with a report.

At the suspicion it takes a snapshot of who is there. At the candidate it runs one full collection, since growth that
garbage explains is none; then it compares with the snapshot, and looks from the roots for whoever holds what is new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..backend.allocations.live import Sampled
from ..backend.allocations.recorder import Recorder
from ..backend.meters.collector import collector_runs, young_limit
from ..backend.meters.memory_limit import memory_limit
from ..backend.meters.resident import read_mapped
from ..backend.process import count_threads
from ..internal import internal
from ..retain import Holding, code_is_read_once, count_imported, find_collecting
from ..watch import Candidate, Dismissed, Leak, make_leak
from .accepted import Accepted
from .account import Account, make_account
from .assembly import assemble
from .benign_growth import BenignGrowth, will_be_full
from .early import Agreement, is_promising, why_doubtful
from .evidence import EvidenceCollector
from .findings import Findings
from .implied_bounds import without_idle
from .in_use import is_connected
from .lines import RAW
from .report import Report
from .retained import with_retained
from .settling import Settling
from .verdict import (
    HALF,
    belongs_to_threads,
    classify,
    follows_peak,
    has_stopped,
    is_garbage,
    reads_its_files,
    writes_to_its_own,
)
from .window import by_size, excess_of, put_right, readings_right

_MOST_WIDENED = 2  # times in a row: what grows to its largest use grows more and more slowly
_MOST_PASSING = 3  # times in a row: each is twice as long as the one before
_MOST_PAGING, _MOST_DELETING = 3, 1  # likewise: a cache as large may be meant to be so; which rows go is not known
_MOST_CONNECTED = 2  # times in a row, likewise: peers may wait for ever for answers that never come
_MOST_FILLED = 3  # times in a row, likewise
_LEFT = 0.25  # of what had grown
_LATE = 1.2  # times the seconds between two collections of the program
_MOST_IDLE = 1  # times: code that would keep a bound, and has not been run, is believed
_MOST_IMPORTS = 3  # times in a row: growth that goes on with new modules all the time is no start-up


@internal
class Diagnosis:
    """Judges for one watcher, on its thread. *pause_budget* is the longest hold of the interpreter, in seconds.

    *recorder*, if there is one, tells who allocated; while growth is suspected it looks more closely. *limit* is the
    memory that the process may have, in bytes; by default what its container or its machine has. *show_keys* shows the
    keys of dicts on the paths to holders. What *ignore* accepts is no leak, nor is growth below *min_growth* bytes.
    """

    def __init__(
        self,
        pause_budget: float,
        recorder: Recorder | None = None,
        show_keys: bool = False,
        limit: int | None = None,
        ignore: Sequence[str] = (),
        min_growth: int = 0,
    ) -> None:
        self._limit = memory_limit() if limit is None else limit
        self._gatherer = EvidenceCollector(pause_budget, recorder, show_keys)
        self._accepted = Accepted(ignore, min_growth)
        self._in_a_row = Counter[str]()
        self._filled = self._idle = 0
        self._settling = Settling()
        self._waited = False
        self._collections = 0
        self._awaited_since: float | None = None
        self._reported: Report | None = None
        self._agreement = Agreement()

    def suspected(self, candidate: Candidate) -> bool:
        """Take the snapshot that growth will be measured from."""
        self._reported, self._agreement = None, Agreement()
        self._gatherer.begin(candidate)
        return True

    def followed(self, candidate: Candidate) -> bool:
        """Count once more, if there is time for it: which types only ever grow? True if all is measured from now on."""
        return self._gatherer.look_again(candidate)

    def growing(self) -> tuple[tuple[str, int, int], ...]:
        """The types that have not fallen at any look since the suspicion began: name, objects and bytes more."""
        return tuple([(it.what, it.objects, it.growth) for it in self._gatherer.evidence.series.ratchets()])

    def forget(self) -> None:
        """Let go of the evidence."""
        self._reported = None
        self._gatherer.end()

    def __call__(self, candidate: Candidate) -> Leak | Dismissed:
        """Decide on *candidate*."""
        if candidate.growth.level == "early":
            return self._decide_early(candidate)
        if self._gatherer.is_young(candidate):
            return Dismissed("it has been measured anew a moment ago", waits=True)
        try:
            return self._decide(candidate)
        finally:
            self._gatherer.rest()

    def _decide_early(self, candidate: Candidate) -> Leak | Dismissed:
        """A leak where the heap leaves no doubt; the suspicion stands where it does."""
        seconds = self._gatherer.evidence.seconds(candidate.last)
        if not self._is_promising(candidate):
            anew = self._gatherer.begin_anew(candidate)
            if anew:
                self._agreement = Agreement()
            return Dismissed("no type has grown at every look and explains the growth", anew=anew)
        if not self._agreement.is_due(seconds):
            return Dismissed("the next look for holders is not due yet")
        self._agreement.look(seconds)
        decision = self._decide(candidate)
        if isinstance(decision, Leak):
            self._gatherer.rest()
        return decision

    def _is_promising(self, candidate: Candidate) -> bool:
        evidence = self._gatherer.evidence
        return is_promising(
            evidence.series, evidence.grew_at_least(candidate.samples), evidence.seconds(candidate.last)
        )

    def _decide(self, candidate: Candidate) -> Leak | Dismissed:
        """Decide by what walks find. What they leave behind for later ones is memwatch's own, and no growth."""
        before = candidate.read()
        decision = self._weigh(candidate)
        self._gatherer.hold(candidate, before)
        return decision

    @code_is_read_once()
    def _weigh(self, candidate: Candidate) -> Leak | Dismissed:
        growth, collects, suspicion = candidate.growth, collector_runs(), self._gatherer.evidence.suspicion
        findings = Findings() if collects else self._gatherer.find(candidate, holders=False)
        freed = self._gatherer.collect(candidate)
        if freed is not None and is_garbage(growth, candidate.samples, freed):
            if (why := self._will_be_collected(candidate, freed, "a full collection took the growth away")) is not None:
                return Dismissed(why)
            return self._leak(candidate, "garbage", findings)
        if suspicion is not None and has_stopped(growth, candidate.samples, suspicion.end):
            return Dismissed("it has stopped growing since it was suspected")
        findings = self._gatherer.find(candidate, holders=True)
        if freed is None and findings.garbage and self._is_lost(candidate, findings.garbage.size_bytes):
            self._gatherer.evidence.garbage = findings.garbage.objects
            waits = "the growth is garbage that waits for a full collection"
            if (why := self._will_be_collected(candidate, findings.garbage.size_bytes, waits)) is not None:
                return Dismissed(why)
            return self._leak(candidate, "garbage", findings)
        verdict = classify(growth, candidate.samples, self._account(candidate, findings))
        if (resident := self._of_resident(candidate, verdict)) is not None:
            return resident
        if self._has_gone(candidate):
            return Dismissed("it went while it was looked for")
        why = self._excuse(candidate, findings, verdict) or self._doubt(candidate, findings)
        return self._leak(candidate, verdict, findings) if why is None else Dismissed(why)

    def _of_resident(self, candidate: Candidate, verdict: str) -> Dismissed | None:
        """Why growth that is no objects is no leak, where resident memory has a reason of its own."""
        growth = candidate.growth
        if verdict == "fragmentation" and follows_peak(growth, candidate.samples):
            return Dismissed("resident memory has followed a peak of what was in use")
        if verdict == "objects":
            return None
        if writes_to_its_own(growth, candidate.samples):
            return Dismissed("memory that was asked for before is written to for the first time")
        if self._reads_its_files(candidate):
            return Dismissed("pages of mapped files, or shared ones, that had their addresses before", alone=True)
        evidence = self._gatherer.evidence
        if belongs_to_threads(growth, evidence.grew(candidate.last, "rss"), count_threads() - evidence.threads):
            return Dismissed("stacks and arenas of new threads", alone=True)
        return None

    def _has_gone(self, candidate: Candidate) -> bool:
        """Whether hardly anything is left of what has grown since the suspicion: a walk takes its time."""
        grew = self._gatherer.evidence.grew
        return candidate.growth.meter == "base" and grew(candidate.read()) < _LEFT * grew(candidate.last)

    def _is_lost(self, candidate: Candidate, size: int) -> bool:
        """Whether *size* bytes of garbage, new since the suspicion, are most of the growth since then."""
        growth, grew = candidate.growth, self._gatherer.evidence.grew(candidate.last, candidate.growth.meter)
        return is_garbage(growth, candidate.samples, size) or (growth.level != "early" and size >= HALF * grew > 0)

    def _will_be_collected(self, candidate: Candidate, size: int, why: str) -> str | None:
        """Why *size* bytes of garbage are no leak: the collector will come, or the program that does so instead.

        That is believed once, or for as long as it lets lie between; and anew each time that it has collected.
        """
        evidence, last = self._gatherer.evidence, candidate.last
        if collector_runs() and not evidence.is_collection_overdue(self._may_grow(candidate, size)):
            return why
        if last.full > self._collections:
            self._awaited_since = None
        is_first, self._collections = self._awaited_since is None, candidate.read().full
        since = self._awaited_since = last.time if self._awaited_since is None else self._awaited_since
        found = find_collecting()
        if found is None or not (is_first or self._is_awaited(candidate, since, found.seconds or 0.0)):
            return None
        return f"the growth is garbage that {found.name} collects"

    def _is_awaited(self, candidate: Candidate, since: float, seconds: float) -> bool:
        """Whether what collects every so many *seconds* is still to come, and before the memory is full."""
        growth, last = candidate.growth, candidate.last
        left = since + _LATE * seconds - last.time
        return left > 0 and growth.growth / growth.seconds * left < HALF * (self._limit - last.rss)

    def _may_grow(self, candidate: Candidate, size: int) -> int:
        """How many young objects the collector waits for, if there is memory for so many of those that are garbage."""
        most = young_limit() * size / max(self._gatherer.evidence.garbage, 1)
        return young_limit() if most < HALF * (self._limit - candidate.last.rss) else 0

    def _reads_its_files(self, candidate: Candidate) -> bool:
        evidence, growth = self._gatherer.evidence, candidate.growth
        grew = evidence.grew(candidate.last, "rss")
        return growth.meter == "rss" and reads_its_files(growth, grew, evidence.mapped, read_mapped())

    def _excuse(self, candidate: Candidate, findings: Findings, verdict: str) -> str | None:
        """Why this growth is no leak, or is better looked at again when it has lasted twice as long; None if it is."""
        if self._idle >= _MOST_IDLE:
            findings.holdings = without_idle(findings.holdings)
        evidence, last = self._gatherer.evidence, candidate.last
        grew, modules = evidence.grew(last), count_imported() - evidence.modules
        if grew <= 0 or (evidence.snapshot is None and not findings.holdings):
            return None
        deep = evidence.snapshot is not None and evidence.snapshot.deep
        before = evidence.snapshot.identity.totals if evidence.snapshot is not None else None
        excuses = BenignGrowth(findings.holdings, findings.diff, deep, grew, candidate.growth.seconds, before)
        if verdict == "native" and not self._waited:
            young = "the native memory is all young" if findings.lines.is_young(RAW, HALF * grew) else None
            self._waited = (why := excuses.turnover() or young) is not None
            if why is not None:
                return why
        if candidate.growth.meter == "rss" and grew < HALF * (last.rss - evidence.rss):
            return None
        is_early, seconds = candidate.growth.level == "early", candidate.growth.seconds
        survivors = [] if is_early else self._gatherer.survivors(findings.lines, grew, seconds)
        longer = self._gatherer.lengthen(findings.lines, survivors, seconds)
        loading = self._a_few_times("imports", _MOST_IMPORTS, lambda: excuses.imports(modules))
        widening = self._a_few_times("widening", _MOST_WIDENED, excuses.widening)
        passing = self._a_few_times(
            "passing",
            _MOST_PASSING,
            lambda: None if longer else excuses.passing(findings.lines) or excuses.replaced(survivors, longer),
        )
        paging = self._a_few_times("paging", _MOST_PAGING, lambda: excuses.pages.paging(evidence.pages))
        deleting = self._a_few_times("deleting", _MOST_DELETING, lambda: excuses.pages.deleting(evidence.pages))
        settling = self._settles(candidate, findings, grew, survivors)
        room = self._limit - last.rss
        filling = excuses.filling(room) or excuses.unseen(findings.lines, room, _MOST_FILLED)
        self._idle += filling is not None and not all(it.in_use for it in findings.holdings)
        why = loading or widening or passing or paging or filling or settling
        return why or deleting or (None if is_early else self._serves(findings.holdings, grew))

    def _serves(self, holdings: Sequence[Holding], grew: int) -> str | None:
        """Why to wait where what holds most of the *grew* bytes is in use."""
        accepted = self._gatherer.evidence.connections
        return self._a_few_times("connected", _MOST_CONNECTED, lambda: is_connected(holdings, grew, accepted))

    def _a_few_times(self, name: str, most: int, excuse: Callable[[], str | None]) -> str | None:
        """What *excuse* says, unless it has excused growth *most* times in a row."""
        why = excuse() if self._in_a_row[name] < most else None
        self._in_a_row[name] = self._in_a_row[name] + 1 if why else 0
        return why

    def _settles(self, candidate: Candidate, findings: Findings, grew: int, survivors: Sequence[Sampled]) -> str | None:
        """Why to wait where objects come more and more slowly."""
        if candidate.growth.level == "early":  # that has its own bar
            return None
        evidence, own = self._gatherer.evidence, self._gatherer.own_time
        looked, born = own.note(), [(own.at(it.birth), it.size_bytes) for it in survivors]
        return self._settling.why_wait(findings.holdings, evidence.series, grew, looked, looked - evidence.began, born)

    def _still_fills(self, report: Report, findings: Findings, room: int) -> str | None:
        """Why to wait where most of the growth is what the items of one bounded container keep, though no walk meets
        it: as native memory that C code holds for each, or what code objects have."""
        waits = _MOST_FILLED - self._filled
        most = [it for it in report.suspects if it.share >= HALF and it.held_by] if waits > 0 else []
        kept = [(held, it.bytes_growth) for it in most for held in findings.holdings if held.path is it.held_by]
        fills = next((why for held, grew in kept if (why := will_be_full(held, grew, room, waits))), None)
        self._filled = self._filled + 1 if fills else 0
        self._idle += fills is not None and not all(held.in_use for held, _ in kept)
        return fills

    def _doubt(self, candidate: Candidate, findings: Findings) -> str | None:
        """Why an early candidate has to wait, in words."""
        if candidate.growth.level != "early":
            return None
        evidence = self._gatherer.evidence
        doubt = why_doubtful(evidence, findings, evidence.grew_at_least(candidate.samples))
        return doubt or self._agreement.why_not(findings)

    def _account(self, candidate: Candidate, findings: Findings) -> Account:
        """What the growth since the suspicion consists of; the whole growth where there was none."""
        evidence, growth, last = self._gatherer.evidence, candidate.growth, candidate.last
        grew = evidence.grew(last, growth.meter) if evidence.suspicion else growth.growth
        if growth.meter == "base":
            grew -= round(self._excess(candidate, findings) * (last.small - evidence.small))
        return make_account(grew, findings.diff, findings.lines, findings.walked, findings.holdings)

    def _excess(self, candidate: Candidate, findings: Findings) -> float:
        """How much too much a byte of small blocks counts, where that is known better than by the meters."""
        evidence = self._gatherer.evidence
        small = candidate.last.small - evidence.small if evidence.suspicion else 0
        if findings.diff is not None and findings.walked:
            return excess_of([(row.size_bytes, row.net) for row in findings.diff.change.details], small)
        return excess_of([met for it in findings.holdings for met in by_size(it.retained_bytes, it.type_counts)], small)

    def _weighed(self, candidate: Candidate, report: Report, findings: Findings) -> Report:
        """*report* with what the first holder retains, and what it has cost to find that out."""
        if not findings.walked:
            return report
        found = with_retained(report, findings.holdings, lambda address: self._gatherer.retained(candidate, address))
        return replace(found, cost=candidate.ledger.cost())

    def _leak(self, candidate: Candidate, verdict: str, findings: Findings) -> Leak | Dismissed:
        excess, is_objects = self._excess(candidate, findings), verdict == "objects"
        candidate = candidate._replace(growth=put_right(candidate.growth, candidate.samples, excess, is_objects))
        account = self._account(candidate, findings)
        candidate = candidate._replace(samples=readings_right(candidate.samples, excess))
        report = assemble(candidate, self._gatherer.evidence, findings, account, verdict, self._limit, self._reported)
        if why := self._accepted.excuse(report):
            return Dismissed(why)
        if verdict != "garbage" and (why := self._still_fills(report, findings, self._limit - candidate.last.rss)):
            return Dismissed(why)
        if self._reported is None or report.suspects is not self._reported.suspects:  # else they are old
            report = self._reported = self._weighed(candidate, report, findings)
        return make_leak(candidate.growth, verdict, report)
