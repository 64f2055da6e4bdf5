"""A program to judge: a module of its own, real meters, and candidates whose times are made by hand."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import memwatch.render  # reports are drawn by it
from memwatch.backend.census import in_child
from memwatch.backend.meters.collector import read_collections
from memwatch.backend.meters.meters import EXACT, Meters
from memwatch.diagnosis import Diagnosis, forked_look, judge
from memwatch.watch import Candidate, Growth, Ledger, Sample

MIB = 1 << 20
FILLER = "x" * 4000
WINDOW = 64.0  # seconds from suspicion to verdict
_BLOCKS = "what Python's blocks hold: each counts 96 bytes here, so that growth and rate may be far from the truth"
GUESSED = () if EXACT else (_BLOCKS,)  # what a report without a walk does not know


class Case:
    """One suspicion and its verdict in this process; *age* and all times are seconds, *blocks* goes for the count."""

    def __init__(
        self,
        pause_budget: float = 0.5,
        age: float = 1000.0,
        blocks: int | None = None,
        should_cancel: Callable[[], bool] = lambda: False,
        limit: int | None = None,
        modules: Callable[[], int] = lambda: 100,
    ) -> None:
        self.diagnosis = Diagnosis(pause_budget, limit=limit)
        self._modules = modules
        self.ledger = Ledger()
        self.ledger.started -= age
        self.should_cancel = should_cancel
        self.past: list[Sample] = []
        self._meters = Meters()
        self._blocks = blocks
        self._now = 5000.0
        self._more = 0

    def read(self) -> Sample:
        """A reading of the real meters, at the case's time."""
        reading, counts = self._meters.read(force=True), read_collections()
        blocks = reading.blocks if self._blocks is None else self._blocks
        base = reading.base - self.ledger.bytes + self._more
        return Sample(
            self._now, self._now, "tick", base, reading.rss, blocks, reading.small, reading.native, self._modules(),
            counts.full, counts.young, 0.0, self._meters.names,
        )  # fmt: skip

    def candidate(self, level: str, meter: str = "base", detector: str = "ratchet") -> Candidate:
        """The growth from the first reading to the last."""
        first, last = self.past[0], self.past[-1]
        seconds = last.time - first.time or WINDOW / 4
        before, after = (first.base, last.base) if meter == "base" else (first.rss, last.rss)
        growth = Growth(
            level,
            detector,
            meter,
            last.time - seconds,
            last.time,
            seconds,
            before,
            max(after - before, 1),
            8,
            "windows",
        )
        return Candidate(growth, tuple(self.past), self.read, self.should_cancel, self.ledger)

    def suspect(self) -> None:
        """The first reading, and the judge's look at who is there."""
        gc.collect()
        self.past.append(self.read())
        self.diagnosis.suspected(self.candidate("suspect"))

    def wait(self) -> None:
        """One more reading, without a look."""
        self._now += WINDOW / 32
        self.past.append(self.read())

    def follow(self) -> None:
        """One more reading a quarter of a window later, and the judge's look."""
        self._now += WINDOW / 4
        self.past.append(self.read())
        self.diagnosis.followed(self.candidate("suspect"))

    def verdict(
        self,
        meter: str = "base",
        detector: str = "ratchet",
        level: str = "leak",
        after: float = WINDOW,
        **changes: Any,
    ) -> Any:
        """The last reading so many seconds later, with *changes*, and what the judge decides. A base that is given
        holds for what the judge reads, too."""
        self._now += after
        real = self.read()
        self.past.append(real._replace(**changes))
        self._more = self.past[-1].base - real.base
        try:
            return self.diagnosis(self.candidate(level, meter, detector))
        finally:
            self._more = 0

    def judge(self, grow: Callable[[], object], **options: Any) -> Any:
        """All of it, with the program growing in between."""
        self.suspect()
        grow()
        return self.verdict(**options)


@pytest.fixture(autouse=True)
def _small_heap() -> Iterator[None]:
    """The many collections of the tests here walk what a test makes, and not the thousands of tests that are there."""
    if memwatch.backend.name == "native":  # the pure one finds in another way what is frozen
        gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def case() -> Case:
    gc.collect()  # garbage of earlier tests would count as growth that went away
    return Case()


@pytest.fixture
def make_case() -> type[Case]:
    return Case


@pytest.fixture(autouse=True)
def _not_weighed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No child finds out what a holder retains, which takes long on pytest's own heap: tests of it have `weighed`."""
    if "weighed" not in request.fixturenames:
        monkeypatch.setitem(forked_look._TASK_SECONDS, "dominators", float("inf"))


@pytest.fixture
def weighed() -> None:
    """A child finds out what the first holder retains."""


@pytest.fixture
def no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where no forked child can look."""
    monkeypatch.setattr(in_child, "CAN_LOOK", False)


@pytest.fixture
def app() -> Iterator[ModuleType]:
    """An empty module of the program."""
    module = sys.modules["app"] = ModuleType("app")
    yield module
    del sys.modules["app"]
    module.__dict__.clear()
    gc.collect()


@pytest.fixture
def text() -> Callable[[int], str]:
    """Makes strings of about 4 KB, each its own."""
    return lambda number: f"{number} on a stick {FILLER}"


@pytest.fixture
def make_class() -> Callable[[ModuleType, str], type]:
    """Makes an empty class in a module."""

    def make(module: ModuleType, name: str) -> type:
        made = type(name, (), {"__module__": module.__name__})
        setattr(module, name, made)
        return made

    return make


@pytest.fixture
def collector_off(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a program that does not collect either, as these tests do."""
    monkeypatch.setattr(judge, "find_collecting", lambda: None)
    gc.disable()
    yield
    gc.enable()
