"""What a waiting greenlet's functions hold, which no collector sees."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from memwatch.heap import take_snapshot
from memwatch.retain import RootKind, find_holdings

greenlet = pytest.importorskip("greenlet")


class Job:
    """What waits."""

    def __init__(self) -> None:
        self.data = bytearray(4000)


def work() -> Job:
    job = Job()
    wait()
    return job


def wait() -> None:
    greenlet.getcurrent().parent.switch()


def test_variables_of_a_waiting_greenlet_are_told_by_its_function(monkeypatch: pytest.MonkeyPatch) -> None:
    app: Any = ModuleType("app")
    app.waiting = []
    monkeypatch.setitem(sys.modules, "app", app)
    known = take_snapshot().addresses
    for _ in range(30):
        app.waiting.append(greenlet.greenlet(work))
        app.waiting[-1].switch()
    found = next(it for it in find_holdings(known) if it.frontier_type == f"{__name__}.Job")
    assert found.path.text == f"suspended greenlet, function {__name__}.work > local job: {__name__}.Job"
    assert found.path.root.kind is RootKind.GREENLET and found.targets == pytest.approx(30, abs=3)
    for job in app.waiting:
        job.throw()
