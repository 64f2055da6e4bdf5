"""A process in whatever state a test wants: a watcher by hand, with leaks whose reports are made by hand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from memwatch import default, signals
from memwatch.export import libraries
from memwatch.retain import RetainingPath
from memwatch.retain.steps import Edge, EdgeKind, Root, RootKind, Step
from memwatch.watch import Cost, Leak
from memwatch.watch.rates import Rate
from memwatch.watch.sample import Sample
from memwatch.watch.status import Status

MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
MIB = 2**20
CACHE = [b"a module's own variable"]


class Order:
    """Leaks."""


@dataclass(frozen=True)
class Suspect:
    type: str = f"{__name__}.Order"
    held_by: RetainingPath | None = None
    allocated_at: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Report:
    """As much of a report as exporters use."""

    fingerprint: str = "0123456789ab"
    suspects: tuple[Suspect, ...] = ()
    growth: Any = None
    subject: str = "Order held by CACHE"
    html: str = "<html>the page</html>"
    more: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"fingerprint": self.fingerprint, "verdict": "objects", "suspects": [], **self.more}

    def to_html(self) -> str:
        return self.html

    def render(self, color: bool, unicode: bool, source: bool) -> str:
        return f"LEAK of orders\nin several lines, {source=}\n"

    def __str__(self) -> str:
        return self.render(False, False, False)


def make_path(*names: str, module: str = __name__, item_type: str = f"{__name__}.Order") -> RetainingPath:
    """A path from *module* over attributes to an item of the last of them."""
    steps = [Step(Edge(EdgeKind.ATTRIBUTE, name), "dict") for name in names]
    return RetainingPath(Root(RootKind.MODULE, module), (*steps, Step(Edge(EdgeKind.KEY, "str key"), item_type)))


def make_leak(
    fingerprint: str = "0123456789ab", suspects: tuple[Suspect, ...] | None = None, rate: float = 36 * MIB, **more: Any
) -> Leak:
    """A leak of orders."""
    line = {"function": "load", "file": __file__, "line": 12, "in_app": True}
    found = (Suspect(held_by=make_path("CACHE"), allocated_at=(line,)),) if suspects is None else suspects
    report = Report(fingerprint, found, **more)
    return Leak(MOMENT, MOMENT, 10 * MIB, "heap growth", rate, "ratchet", "objects", report)


def make_status(*leaks: Leak, **changes: Any) -> Status:
    """What a watcher would say."""
    meters = ("arenas", "native", "rss")
    sample = Sample(1000.0, 1000.0, "tick", 50 * MIB, 80 * MIB, 1234, 20 * MIB, 30 * MIB, 100, 3, 9, 0.25, meters)
    rates = (Rate("base", 600, 2048.0), Rate("base", 3600, None), Rate("rss", 600, -512.0))
    made = Status(sample, 700.0, None, leaks, (), len(leaks), 0, rates, Cost(0.001, 0.002, 3, 4096))
    return made._replace(**changes)


class Watched:
    """Stands in for the running watcher."""

    def __init__(self) -> None:
        self.status = make_status()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """The state that exporters see; nothing is watched."""
    made = Watched()
    monkeypatch.setattr(default, "watcher", lambda: made)
    monkeypatch.setattr(signals.Event, "on_receiver", staticmethod(lambda: None))
    return made


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No exporter outlives its test."""
    receivers = list(signals._connected)
    yield
    for receiver in list(signals.tick.receivers.values()):
        signals.tick.disconnect(receiver)
    libraries._reported.clear()
    for receiver in [it for it in signals._connected if it not in receivers]:
        signals.off(receiver.event.name, receiver.handler)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What memwatch has logged as a warning so far."""
    return lambda: [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
