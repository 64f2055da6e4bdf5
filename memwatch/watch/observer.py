"""Which events does a sample bring? Trend, detectors and judge put together, without a thread, a clock or a meter.

One growth has one verdict, whichever meters see it. It is reported once: a leak in a window that began before the last
report is the same growth, seen by another meter. What the judge dismisses is dismissed in all detectors. Nothing is a
leak before it was suspected, and the judge had time to gather evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..backend.holds import holds_noted_by
from ..errors import describe_error
from ..internal import internal
from ..logs import Log
from .contract import Candidate, Detector, Judge, Unjudged, make_leak
from .cost import Ledger
from .history import History
from .rates import Rates
from .sample import Dismissed, Growth, Leak, Sample, Stats, Suspicion, as_datetime
from .status import Status
from .trend import Trend, make_stats

_log = Log()
_EXPIRES = 16  # windows after which a suspicion that was not renewed is over
_QUICK = 10  # looks that may follow each other faster than one a window
_RENEWALS = 3  # times that these begin again, with the evidence
_GROWN = 0.003  # of the base, between two such looks
_FOLLOWED = 7  # looks a window apart, after which a judge is asked less and less often
_FREED = 0.5  # of a leak's growth: once so much has gone, it was freed

EventValue = tuple[str, Any]


@internal
class _Stopped(NamedTuple):
    """A leak that grows no more. Once its meter reads `freed_at` or less, what had grown was freed."""

    leak: Leak
    growth: Growth

    def is_held(self, sample: Sample) -> bool:
        freed_at = self.growth.before - _FREED * self.leak.growth
        return sample.reading(self.growth.meter) > freed_at


@internal
class Observer:
    """Takes samples in order and yields ``(event name, value)``: suspect, leak, recovered, and stats when asked to.

    *read* takes a fresh sample for the judge, *should_cancel* tells the judge that its time is over. A suspicion is
    kept for at least *patience* seconds, the time that its confirmation may take. At first there are at most *looks*
    looks in a window of the suspicion.
    """

    def __init__(
        self,
        detectors: list[Detector],
        judge: Judge,
        ledger: Ledger,
        read: Callable[[], Sample],
        should_cancel: Callable[[], bool],
        patience: float = 0.0,
        looks: int = 1,
    ) -> None:
        self.history = History()
        self.trend = Trend()
        self.rates = Rates()
        self.last: Sample | None = None
        self.latest: Stats | None = None
        self._detectors = detectors
        self._judge = judge
        self._ledger = ledger
        self._read = read
        self._should_cancel = should_cancel
        self._patience = patience
        self._most_looks = looks
        self._suspicion: Growth | None = None
        self._has_evidence = self._judging = False
        self._next_look = float("inf")
        self._looks = self._renewed = 0
        self._first_seconds = self._soon = 0.0
        self._open: dict[int, Leak] = {}
        self._stopped: dict[int, _Stopped] = {}
        self._reported_until = float("-inf")
        self._leaks_reported = self._recoveries_reported = 0

    @property
    def suspicion(self) -> Growth | None:
        """The growth that is suspected now; one that was not renewed is over after a while."""
        return self._suspicion

    def status(self) -> Status:
        """What is known now, for any thread. A leak that several detectors see is there once."""
        leaks = {id(leak): leak for leak in tuple(self._open.values())}
        return Status(
            self.last,
            self._ledger.age,
            self._suspicion,
            tuple(leaks.values()),
            tuple(stopped.leak for stopped in tuple(self._stopped.values())),
            self._leaks_reported,
            self._recoveries_reported,
            self.rates.read(),
            self._ledger.cost(),
            self._judging,
        )

    def begin_anew(self) -> None:
        """In a forked child: resident memory is counted anew there, and what its parent holds is its parent's."""
        self.rates.reset()
        self._stopped.clear()

    def learn(self, detector: Detector, settled: float | None) -> None:
        """Add *detector*. Earlier processes had warmed up at the age of *settled* seconds, if that is known."""
        if detector not in self._detectors:
            self._detectors = [*self._detectors, detector]
        if settled is not None:
            for each in self._detectors:
                each.settle(settled)

    def observe(self, sample: Sample, with_stats: bool) -> Iterator[EventValue]:
        """The events that *sample* brings; a leak comes before the stats of the same sample, as in node-memwatch."""
        self.history.add(sample)
        self.rates.add(sample)
        self.last = sample
        if sample.trigger != "exit":  # at the end all is freed
            self._stopped = {key: stopped for key, stopped in self._stopped.items() if stopped.is_held(sample)}
        self._expire(sample)
        looked = self._follow(sample)
        for detector in self._detectors:
            growth = detector.update(sample)
            if growth is None and looked:
                growth = detector.hasten(sample)
            if growth is not None:
                yield from _STEPS[growth.level](self, detector, growth)
        if with_stats:
            self.trend = self.trend.advance(sample.base)
            self.latest = make_stats(sample, self.trend)
            yield "stats", self.latest

    def candidate(self, growth: Growth) -> Candidate:
        """*growth* with the past, and what a judge needs to look into it."""
        return Candidate(growth, self.history.samples(), self._read, self._should_cancel, self._ledger)

    def _suspect(self, detector: Detector, growth: Growth) -> Iterator[EventValue]:
        if growth.start >= self._reported_until:
            yield from self._gather(growth)

    def _gather(self, growth: Growth) -> Iterator[EventValue]:
        """Have the judge gather evidence from now on, unless it does."""
        first, self._suspicion = self._suspicion is None, growth
        if first:
            self._looks = self._renewed = 0
            self._first_seconds, self._soon = growth.seconds, self._distance(growth)
            self._next_look = growth.end + self._soon
            self._begin(growth)
            yield (
                "suspect",
                Suspicion(
                    as_datetime(growth.start),
                    as_datetime(growth.end),
                    growth.growth,
                    growth.reason,
                    growth.rate_per_hour,
                    growth.detector,
                    growth.meter,
                ),
            )

    def _begin(self, growth: Growth) -> None:
        self._has_evidence = self._guarded(self._judge.suspected, growth) is not False

    def _leak(self, detector: Detector, growth: Growth) -> Iterator[EventValue]:
        if growth.start < self._reported_until and id(detector) not in self._open:
            return
        if not self._has_evidence:
            yield from self._put_off(detector, growth)
            return
        decision = self._decide(growth)
        if isinstance(decision, Dismissed):
            if decision.waits or decision.alone:
                detector.withdraw()
            if decision.alone:
                detector.dismiss(growth)
            elif not decision.waits:
                self._dismiss(detector, growth)
            return
        if decision is None:
            decision = make_leak(growth, "unknown", Unjudged(growth, "the judge failed; its error was logged"))
        yield from self._tell(detector, growth, decision)

    def _early(self, detector: Detector, growth: Growth) -> Iterator[EventValue]:
        """Growth that only evidence makes a leak: without it, the suspicion stands."""
        known = growth.start < self._reported_until and id(detector) not in self._open
        if not known and not self._has_evidence:
            yield from self._put_off(detector, growth)
            return
        decision = None if known else self._decide(growth)
        if isinstance(decision, Leak):
            yield from self._tell(detector, growth, decision)
        else:
            detector.withdraw()
            if decision is not None and decision.anew:
                self._look_soon(growth.end)

    def _look_soon(self, now: float) -> None:
        """The evidence is measured from *now* on, and needs as many looks as after the suspicion: a few times."""
        if self._renewed < _RENEWALS:
            self._renewed, self._looks, self._next_look = self._renewed + 1, 0, now + self._soon

    def _put_off(self, detector: Detector, growth: Growth) -> Iterator[EventValue]:
        """Growth without evidence is suspect, whatever it is to *detector*, which will ask again."""
        detector.withdraw()
        yield from self._gather(growth._replace(level="suspect"))

    def _dismiss(self, detector: Detector, growth: Growth) -> None:
        """*growth*, a leak to *detector*, is none, nor is it to the others."""
        self._forget()
        detector.withdraw()
        for each in self._detectors:
            each.dismiss(growth)

    def _tell(self, detector: Detector, growth: Growth, decision: Leak) -> Iterator[EventValue]:
        self._reported_until = growth.end
        if decision.verdict == "garbage":
            self._dismiss(detector, growth)  # the judge's collection has just removed it; that is no recovery
        else:
            self._suspicion = None  # its evidence stays: the leak may be reported again
            self._open[id(detector)] = decision
        self._leaks_reported += 1
        yield "leak", decision

    def _recovered(self, detector: Detector, growth: Growth) -> Iterator[EventValue]:
        leak = self._open.pop(id(detector), None)
        if leak is not None:
            if not self._open:
                self._reported_until = float(
                    "-inf"
                )  # growth that goes on after all is reported again, whenever it began
                self._forget()
            self._recoveries_reported += 1
            stopped = _Stopped(leak, growth)
            if self.last is not None and stopped.is_held(self.last):
                self._stopped.setdefault(id(detector), stopped)  # the first is over last
            yield "recovered", leak

    def _decide(self, growth: Growth) -> Any:
        self._judging = True
        try:
            return self._guarded(self._judge, growth)
        finally:
            self._judging = False

    def _guarded(self, ask: Callable[[Candidate], Any], growth: Growth) -> Any:
        try:
            with self._ledger.busy(), holds_noted_by(self._ledger.pause):
                return ask(self.candidate(growth))
        except Exception as error:
            _log.error("memwatch could not look into the growth that it saw: %s", describe_error(error))
            return None

    def _follow(self, sample: Sample) -> bool:
        """Have the judge look again if a look is due; whether there was one. A judge that was not ready is asked again.

        The first looks come as soon as there is something to see, the next at twice the distance each time up to that
        of a window, then once in each window, the last at twice the distance again. Growth over forced collections has
        no windows.
        """
        suspicion = self._suspicion
        if suspicion is not None and not self._has_evidence:
            self._begin(suspicion)
        elif suspicion is not None and suspicion.detector != "consecutive" and sample.time >= self._next_look:
            self._looks += 1
            late = self._looks - min(_QUICK, 2 * self._most_looks)
            doubled = self._soon * 2.0 ** max(0, late + 1)
            self._next_look = sample.time + max(min(doubled, self._first_seconds), doubled / 2.0**_FOLLOWED)
            if self._guarded(self._judge.followed, suspicion):
                self._look_soon(sample.time)
            return True
        return False

    def _distance(self, growth: Growth) -> float:
        """Seconds between the first looks: until something has grown again, within a window."""
        soon = _GROWN * growth.before * growth.seconds / max(growth.growth, 1)
        return min(growth.seconds, max(growth.seconds / self._most_looks, soon))

    def _expire(self, sample: Sample) -> None:
        suspicion = self._suspicion
        if suspicion is not None and sample.time - suspicion.end > max(_EXPIRES * suspicion.seconds, self._patience):
            self._forget()

    def _forget(self) -> None:
        self._suspicion, self._has_evidence = None, False
        self._judge.forget()
        self._ledger.let_go()


_STEPS: dict[str, Callable[[Observer, Detector, Growth], Iterator[EventValue]]] = {
    "suspect": Observer._suspect,
    "early": Observer._early,
    "leak": Observer._leak,
    "recovered": Observer._recovered,
}
