"""A report that somebody asks for, and gets without a verdict: a look at the heap, and a second one after a while."""

from __future__ import annotations

from dataclasses import replace

from ..backend.allocations.recorder import FINE_INTERVAL, Recorder
from ..backend.meters.collector import collector_runs
from ..internal import internal
from ..watch import Candidate, Growth, Sample
from ..watch.sample import MeterName
from .assembly import assemble
from .findings import Findings
from .judge import Diagnosis
from .report import Report
from .verdict import HALF, classify, is_garbage
from .window import put_right

NOTHING = "nothing"
"""The verdict where nothing has grown."""

_LEAST_RESIDENT = 1 << 20  # bytes: resident memory alone moves by less than that for no reason


@internal
class Inquiry(Diagnosis):
    """One question: `begin` takes the first look, `answer` the second one. `close` when it is over, in any case.

    *pause_budget* is the longest hold of the interpreter, in seconds. Allocations are sampled in between, if *profile*,
    with a sampler of its own, and those of C libraries too if *native*.
    """

    def __init__(self, pause_budget: float, profile: bool = True, native: bool = True, show_keys: bool = False) -> None:
        self._sampler = Recorder(FINE_INTERVAL, native) if profile else None
        super().__init__(pause_budget, self._sampler, show_keys)
        self._first: Sample | None = None

    def begin(self, candidate: Candidate) -> None:
        """Look for the first time. What is garbage by then is no part of what grows."""
        if collector_runs():
            self._gatherer.collect(candidate._replace(samples=(*candidate.samples, candidate.read())))
        if self._sampler is not None:
            self._sampler.start()
            self._sampler.use_fine_interval(closely=True, native=True)  # touches the pages of all libraries, once
        first = self._first = candidate.read()
        asked = candidate._replace(growth=growth_between(first, first), samples=(*candidate.samples, first))
        self.suspected(asked)
        if self._sampler is not None:
            self._gatherer.evidence.native = True
            self._sampler.use_fine_interval(closely=True, native=True)

    def answer(self, candidate: Candidate) -> Report:
        """Look again; what has grown since the first look, who allocated it, and who holds it."""
        asked, collects = self._since(candidate), collector_runs()
        findings = Findings() if collects else self._gatherer.find(asked, holders=False)
        freed = self._gatherer.collect(asked)
        if freed is not None and not collects and is_garbage(asked.growth, asked.samples, freed):
            return self._report(asked, "garbage", findings)
        asked = self._since(candidate)
        findings = self._gatherer.find(asked, holders=True)
        if asked.growth.growth <= 0:
            return self._report(asked, NOTHING, findings)
        verdict = classify(asked.growth, asked.samples, self._account(asked, findings))
        why = self._excuse(asked, findings, verdict)
        if why is not None:
            self._gatherer.evidence.missing.append(f"by this alone it would be called no leak: {why}")
        return self._report(asked, verdict, findings)

    def close(self) -> None:
        """Let go of all evidence, and of the sampler."""
        if self._sampler is not None:
            self._sampler.stop()
        self.forget()

    def _since(self, candidate: Candidate) -> Candidate:
        """The growth since the first look, with all readings of a life in order."""
        first, last = self._first, candidate.read()
        assert first is not None
        before = [sample for sample in candidate.samples if sample.time < first.time]
        between = [sample for sample in candidate.samples if first.time < sample.time < last.time]
        samples = (*before, first, *between, last)
        return candidate._replace(growth=growth_between(first, last), samples=samples)

    def _report(self, asked: Candidate, verdict: str, findings: Findings) -> Report:
        evidence, growth = self._gatherer.evidence, asked.growth
        if growth.growth > 0:
            growth = put_right(growth, asked.samples, self._excess(asked, findings))
        asked = asked._replace(growth=growth)
        account = self._account(asked, findings)
        report = assemble(asked, evidence, findings, account, verdict, self._limit)
        if verdict == NOTHING:
            return replace(report, asked=True, suspects=(), time_to_limit_seconds=None)
        return replace(self._weighed(asked, report, findings), asked=True)


def growth_between(first: Sample, last: Sample) -> Growth:
    """What the base grew by between two readings; resident memory, where that alone grew by much."""
    base, resident = last.base - first.base, last.rss - first.rss
    meter: MeterName = "rss" if base < HALF * resident and resident >= _LEAST_RESIDENT else "base"
    before, seconds = first.reading(meter), last.time - first.time
    grew = last.reading(meter) - before
    return Growth("suspect", "asked", meter, first.time, last.time, seconds, before, grew, 2, "looks")
