"""Watches one process of a test run: a look before the first test, samples while they run, a search after the last.

No test is looked at by itself, for a look takes longer than a quick test. The samples of what is still alive at the end
know when they were taken, and that tells the test. A second look is taken on the way, and a third: what came since one
of them is told from what the first half of a run loads once and keeps, as imports are. What most runs need not is
neither loaded nor done: the collection and the words wait until something is found.
"""

from __future__ import annotations

import os
import sys
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..backend.allocations.recorder import Recorder
from ..backend.census.chosen import take_identity
from ..backend.quiet import collect
from ..clock import Clock
from ..errors import describe_error
from ..internal import internal
from ..retain import Holding, find_holdings
from .excused import is_excused, is_standard_s, runner_s
from .findings import Findings, Left

if TYPE_CHECKING:
    from ..backend.allocations.live import Sampled
    from ..backend.census.contract import ObjectSet

_INTERVAL = 8192  # bytes a sample, at most
_FINEST = 512  # the same, at least
_SAMPLES = 8  # of the least that is reported, so that it has a line
_PART = 150  # of the time that has passed, at most one is spent on looks: a run of seconds has none on the way
_SMALL = 4  # places of one kind are added up, so each may be smaller
_HALF = 0.6  # of the run: a look that leaves so much behind it tells what goes on growing


@internal
class SuiteWatch:
    """Notes when each test ran; `finish` says what they left. What is reported has *least* bytes or more.

    What only those of *plugins* hold that are the runner's is not searched for: its records of the tests are most of
    what is new in many runs.
    """

    def __init__(self, least: int, plugins: Callable[[], Iterable[object]] = tuple) -> None:
        self._least, self._plugins = least, plugins
        self._pid = os.getpid()
        self._recorder = Recorder(min(_INTERVAL, max(_FINEST, least // _SAMPLES)))
        self._modules = frozenset(sys.modules)
        self._ids: list[str] = []
        self._begins = array("q")
        self._spent = 0
        self._begun = Clock.monotonic_ns()
        self._looks: list[tuple[int, ObjectSet]] = []
        self._recorder.start()
        self._look()

    def begin_test(self, nodeid: str) -> None:
        """A test begins; what was allocated before it is the one's before."""
        now = Clock.monotonic_ns()
        self._ids.append(nodeid)
        self._begins.append(now)
        if now - self._begun > _PART * self._spent and now - self._looks[-1][0] > (now - self._begun) / 2:
            self._look()

    def finish(self) -> Findings:
        """What is left of all tests; nothing in a forked child, of which the parent knows nothing."""
        if os.getpid() != self._pid:
            return Findings()
        until, missing = Clock.monotonic_ns(), list[str]()
        if self._recorder.problem:
            missing.append(f"which lines and tests allocated is not known: {self._recorder.problem}")
        try:
            left = self._search(until, missing)
        finally:
            self._recorder.stop()
            self._looks.clear()
        return Findings(left, tuple(missing), len(self._ids), (until - self._begun) / 1e9)

    def _look(self) -> None:
        """Of the looks the first is kept, and the last two."""
        begun = Clock.monotonic_ns()
        self._looks = [*self._looks[:1], *self._looks[1:][-1:], (begun, take_identity(True, (), None))]
        self._spent += Clock.monotonic_ns() - begun

    def _search(self, until: int, missing: list[str]) -> tuple[Left, ...]:
        holdings = self._holdings(until)
        if holdings and collect():  # some of it may have been garbage
            holdings = self._holdings(until)
        if not holdings:
            return ()
        from .attribution import Attribution

        return Attribution(*self._samples(until, missing), self._test_at, len(self._ids) == 1).rows(holdings)

    def _holdings(self, until: int) -> list[Holding]:
        """What came since the first look; what the standard library fills once only if it went on to the end."""
        middle = [look for moment, look in self._looks[1:] if until - moment >= (1 - _HALF) * (until - self._begun)]
        later = [held for look in middle[-1:] for held in self._since(look)]
        goes_on = {held.path.fingerprint for held in later}
        first = [
            held
            for held in self._since(self._looks[0][1])
            if held.path.fingerprint in goes_on or not is_standard_s(held)
        ]
        known = {held.path.fingerprint for held in first}
        return [*first, *(held for held in later if held.path.fingerprint not in known)]

    def _since(self, look: ObjectSet) -> list[Holding]:
        """What is new since a look, and large enough, and without an excuse."""
        found = find_holdings(look.addresses(), ignore=[self, *runner_s(self._plugins())], least=self._least // _SMALL)
        return [it for it in found if it.retained_bytes >= self._least and not is_excused(it, self._modules)]

    def _samples(self, until: int, missing: list[str]) -> tuple[tuple[Sampled, ...], Callable[[str], bool]]:
        from ..backend.allocations.recorded import read_recorded

        try:
            return read_recorded(self._recorder, self._begun, until)
        except Exception as error:  # a test has replaced Python's allocators, or there is no memory
            missing.append(f"which lines and tests allocated is not known: {describe_error(error)}")
            return (), bool

    def _test_at(self, moment: int) -> str:
        """The test that was running then; empty before the first."""
        place = bisect_right(self._begins, moment) - 1
        return self._ids[place] if place >= 0 else ""
