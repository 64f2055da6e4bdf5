"""Reports that are asked for: `report_now`, and `report_on_signal`."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import memwatch
from memwatch import on_demand
from memwatch.backend import name as backend
from memwatch.backend.allocations.recorder import Recorder


class Order:
    def __init__(self, number: int) -> None:
        self.lines = bytearray(2000 + number % 7)


CACHE: dict[int, Order] = {}


def take_order() -> None:
    CACHE[len(CACHE)] = Order(len(CACHE))


@pytest.fixture
def shop():
    """A program that keeps each order."""
    over = threading.Event()

    def serve() -> None:
        while not over.wait(0.002):
            for _ in range(5):
                take_order()

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    over.set()
    thread.join()
    CACHE.clear()
    memwatch.stop()


def check_first(report) -> None:
    first = report.suspects[0]
    assert report.asked and report.verdict == "objects" and report.growth_bytes > 100_000
    assert first.type == f"{__name__}.Order" and f"module {__name__}" in first.held_by.lines[0]
    assert "CACHE" in " ".join(first.held_by.lines)
    if backend == "native":
        assert first.allocated_at[0]["function"] in ("Order.__init__", "take_order")
    assert str(report).startswith(f"NOW  pid {os.getpid()} after ")


def test_without_a_watcher_it_names_type_line_and_holder(shop):
    check_first(memwatch.report_now(seconds=0.6))
    assert memwatch.watcher() is None


@pytest.mark.skipif(backend != "native", reason="only the C extension watches C libraries")
def test_what_it_takes_to_watch_c_libraries_is_there_before_the_first_reading(monkeypatch):
    done: list[str] = []
    use, read = Recorder.use_fine_interval, on_demand.read_sample
    monkeypatch.setattr(Recorder, "use_fine_interval", lambda *a, **k: (done.append("libraries"), use(*a, **k))[1])
    monkeypatch.setattr(on_demand, "read_sample", lambda *a, **k: (done.append("reading"), read(*a, **k))[1])
    monkeypatch.setattr("memwatch.diagnosis.inquiry.collector_runs", lambda: False)
    memwatch.report_now(seconds=0.1)
    assert done.index("libraries") < done.index("reading")


def test_a_running_watcher_looks_and_goes_on(shop):
    watcher = memwatch.start(tick=0.05)
    report = memwatch.report_now(seconds=0.6)
    check_first(report)
    assert watcher.running and report.cost.censuses >= 2
    ledger = watcher._ledger
    assert ledger.question is None and ledger.held[0] == 0, "what the question kept is given back"
    assert on_demand._State.current is None


def test_where_nothing_grows_the_verdict_says_so(monkeypatch):
    kept = [bytearray(1000) for _ in range(3000)]
    monkeypatch.setattr(on_demand.time, "sleep", lambda seconds: kept.clear())
    report = memwatch.report_now(seconds=0.3)
    assert report.verdict == "nothing" and report.suspects == () and report.growth_bytes <= 0
    assert "nothing grew between two looks" in str(report)
    assert report.time_to_limit_seconds is None  # 200 KiB in half a minute are no forecast
    assert report.to_html()


@pytest.mark.parametrize("seconds", [0, -1, 1e9, float("nan"), "30", None, True])
def test_other_seconds_are_refused(seconds):
    with pytest.raises(memwatch.OptionError, match=r"from 0\.1 to 86400"):
        memwatch.report_now(seconds=seconds)


def test_one_is_made_at_a_time():
    question = on_demand.prepare(5.0)
    try:
        with pytest.raises(memwatch.AlreadyStartedError, match="one is made at a time"):
            memwatch.report_now(seconds=0.1)
    finally:
        question.close()
    assert memwatch.report_now(seconds=0.1).asked


def test_a_receiver_is_refused_as_it_must_not_wait():
    problems, done = [], threading.Event()

    def receive(stats) -> None:
        try:
            memwatch.report_now(seconds=0.1)
        except memwatch.UnsupportedError as error:
            problems.append(str(error))
        done.set()

    memwatch.start(tick=0.05)
    memwatch.on("stats", receive)
    try:
        memwatch.gc()
        assert done.wait(5)
    finally:
        memwatch.off("stats", receive)
        memwatch.stop()
    assert "a receiver of memwatch must not" in problems[0]


def test_a_watcher_that_is_stopped_meanwhile_ends_it():
    memwatch.start(tick=0.05)
    threading.Timer(0.3, memwatch.stop).start()
    with pytest.raises(memwatch.NotStartedError, match="stopped before"):
        memwatch.report_now(seconds=20)
    assert on_demand._State.current is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_does_not_answer_for_its_parent(shop):
    memwatch.start(tick=0.05)
    question = on_demand.prepare(60.0)
    question.begin()
    time.sleep(0.2)
    pid = os.fork()
    if pid == 0:
        try:
            code = 0 if on_demand._State.current is None and memwatch.report_now(seconds=0.2).asked else 3
        except BaseException:
            code = 4
        os._exit(code)
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        question.close()


@pytest.mark.skipif(not hasattr(signal, "SIGUSR2"), reason="there is no such signal")
def test_a_signal_brings_a_report_and_holds_nobody_up(shop, caplog):
    got, done = [], threading.Event()
    before = signal.getsignal(signal.SIGUSR2)

    def receive(report) -> None:
        got.append(report)
        done.set()

    try:
        memwatch.report_on_signal(signal.SIGUSR2, seconds=1.5, handler=receive)
        with caplog.at_level(logging.WARNING, "memwatch"):
            os.kill(os.getpid(), signal.SIGUSR2)
            os.kill(os.getpid(), signal.SIGUSR2)  # while one is under way
        assert not got
        assert done.wait(30)
        check_first(got[0])
        assert "one is made at a time" in caplog.text or len(got) == 1
    finally:
        signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize("signum", [0, 100000, "USR2", None])
def test_what_is_no_signal_is_refused(signum):
    with pytest.raises(memwatch.OptionError, match="cannot bring a report"):
        memwatch.report_on_signal(signum)
    memwatch.stop()


def test_it_is_not_loaded_before_it_is_asked_for():
    code = "import memwatch, sys; print('memwatch.on_demand' in sys.modules, callable(memwatch.report_now))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
