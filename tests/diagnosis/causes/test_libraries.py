"""Causes in widely used libraries; those that are not installed are passed over."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import blinker
import pytest

import memwatch

from .case import Case, Data, verify_twins

pytestmark = [pytest.mark.slow] if memwatch.backend.name == "pure" else []

NUMBERS = itertools.count(1000)
GLOBAL: dict[str, Any] = {}


class Receiver:
    """Listens while it is open."""

    def __init__(self) -> None:
        self.data = Data()

    def receive(self, sender: object = None, **values: object) -> None: ...


def verify(case: Case) -> None:
    case.verify()
    verify_twins([case])


def test_receivers_of_a_blinker_signal() -> None:
    signal = blinker.Signal()
    GLOBAL["signal"] = signal
    verify(
        Case(
            "signal-receivers",
            "receivers are connected to a signal again and again",
            leak=lambda: signal.connect(Receiver().receive, weak=False),
            twin=lambda: signal.connect(Receiver().receive),
            fixed=lambda: _connect_and_disconnect(signal),
            done=lambda: _clear(signal),
        )
    )


def _connect_and_disconnect(signal: blinker.Signal) -> None:
    receive = Receiver().receive
    signal.connect(receive, weak=False)
    signal.disconnect(receive)


def _clear(signal: blinker.Signal) -> None:
    for receiver in list(signal.receivers.values()):
        signal.disconnect(receiver)
    signal._clear_state()


def test_receivers_of_a_django_signal() -> None:
    signal = pytest.importorskip("django.dispatch").Signal()
    GLOBAL["signal"] = signal
    verify(
        Case(
            "signal-receivers",
            "receivers are connected to a signal again and again",
            leak=lambda: signal.connect(Receiver().receive, weak=False),
            twin=lambda: signal.connect(Receiver().receive),
            fixed=lambda: _connect_and_disconnect(signal),
            done=lambda: signal.receivers.clear(),
        )
    )


def test_label_values_of_a_metric() -> None:
    metrics = pytest.importorskip("prometheus_client")
    counter = metrics.Histogram("served", "Requests.", ["path"], registry=metrics.CollectorRegistry())
    GLOBAL["metric"] = counter
    verify(
        Case(
            "metric-labels",
            "a metric that gets new label values all the time",
            leak=lambda: counter.labels(f"/order/{next(NUMBERS)}").observe(1),
            twin=lambda: counter.labels("/order").observe(1),
            fixed=lambda: counter.labels("/order").observe(1),
            done=counter.clear,
        )
    )


@pytest.mark.filterwarnings("ignore")
def test_figures_that_are_not_closed() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    plt = pytest.importorskip("matplotlib.pyplot")
    verify(
        Case(
            "open-figures",
            "pyplot keeps every figure until it is closed",
            leak=plt.figure,
            twin=lambda: plt.figure(1),
            fixed=lambda: plt.close(plt.figure()),
            done=lambda: plt.close("all"),
        )
    )


WIRE = """
class Client:
    def __init__(self):
        self._waiting = []

    def ask(self, question):
        self._waiting.append(question)
        return question

    def answer(self, question):
        self._waiting.remove(question)
"""


def test_a_container_of_a_library_is_told_with_its_version(tmp_path: Path) -> None:
    folder = tmp_path / "site-packages"
    (folder / "wire_client-2.5.dist-info").mkdir(parents=True)
    (folder / "wire_client-2.5.dist-info" / "RECORD").write_text("wire.py,,\n")
    wire: Any = ModuleType("wire")
    wire.__file__ = str(folder / "wire.py")
    exec(WIRE, vars(wire))
    sys.modules["wire"] = wire
    client = GLOBAL["client"] = wire.Client()
    try:
        verify(
            Case(
                "library-container",
                "a list of wire-client 2.5 that only grows, wire.Client._waiting",
                leak=lambda: client.ask(Data()),
                twin=lambda: client.answer(client.ask(Data())),
                fixed=lambda: client.answer(client.ask(Data())),
                done=lambda: client.__init__(),
            )
        )
    finally:
        del sys.modules["wire"], GLOBAL["client"]
