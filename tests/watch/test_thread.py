"""The thread that the host program does not notice."""

import logging
import signal
import sys
import threading
from pathlib import Path

import pytest

from memwatch.watch.thread import RawThread


def test_it_runs_ends_and_can_run_again():
    thread, seen = RawThread(), []
    for number in range(3):
        thread.start(lambda number=number: seen.append(number))
        assert thread.join(10) and thread.ident is None
    assert seen == [0, 1, 2]


def test_join_gives_up_in_time_and_knows_the_thread_itself():
    thread, go, inside = RawThread(), threading.Event(), []

    def run():
        inside.append((thread.is_current(), thread.join(10)))
        go.wait(10)

    thread.start(run)
    assert not thread.join(0.01)
    go.set()
    assert thread.join(10)
    assert inside == [(True, False)] and not thread.is_current()


@pytest.mark.parametrize(("busy", "looks"), [(False, 3), (True, 1)])
def test_one_that_is_busy_is_not_waited_for_as_long_as_one_that_lacks_a_processor(monkeypatch, busy, looks):
    thread, looked = RawThread(), []
    monkeypatch.setattr(thread, "join", lambda patience: looked.append(patience) or len(looked) == 3)
    thread.join_unless(lambda: busy, 0.05)
    assert looked == [0.05] * looks


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_what_has_ended_is_waited_for_until_the_system_does_not_count_it(monkeypatch):
    thread, seen = RawThread(), []
    thread.start(lambda: None)
    thread._ended.acquire()
    thread._ended.release()
    monkeypatch.setattr("memwatch.watch.thread._os_thread_exists", lambda _: seen.append(1) or len(seen) < 100)
    assert thread.join(0.001)
    assert len(seen) == 100


def test_it_is_in_nobodys_list_also_when_it_asks_who_it_is():
    thread, named, go = RawThread(), threading.Event(), threading.Event()

    def run():
        threading.current_thread()
        named.set()
        go.wait(10)

    thread.start(run)
    named.wait(10)
    go.set()
    assert thread.join(10)
    assert threading.enumerate() == [t for t in threading.enumerate() if not isinstance(t, threading._DummyThread)]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_every_signal_but_the_faults_is_blocked_from_the_first_moment():
    thread, masks = RawThread(), []

    def run():
        status = Path(f"/proc/self/task/{threading.get_native_id()}/status").read_text()
        masks.append(int(next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk")), 16))

    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    thread.start(run)
    assert thread.join(10)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    blocked = {number for number in signal.valid_signals() if masks[0] >> (number - 1) & 1}
    left = {signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
    assert blocked == signal.valid_signals() - left


def test_an_error_is_logged_and_ends_the_thread_in_order(caplog):
    thread = RawThread()
    with caplog.at_level(logging.ERROR, "memwatch"):
        thread.start(lambda: 1 / 0)
        assert thread.join(10)
    assert "stopped watching" in caplog.text and "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("name", ["logging.Logger.log", "memwatch.watch.thread.note_thread"])
def test_whatever_raises_in_it_is_not_printed_and_nobody_waits_for_it(monkeypatch, name):
    def fail(*_):
        raise MemoryError

    thread, printed = RawThread(), []
    monkeypatch.setattr(sys, "unraisablehook", printed.append)
    monkeypatch.setattr(name, fail)
    thread.start(lambda: 1 / 0)
    assert thread.join(10)
    assert printed == []


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="needs signal masks")
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_whatever_comes_between_the_callers_signals_are_not_left_blocked(monkeypatch, error):
    def fail(*_):
        raise error

    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    monkeypatch.setattr("_thread.start_new_thread", fail)
    with pytest.raises(error):
        RawThread().start(lambda: None)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def test_where_it_could_not_start_nobody_waits_for_it(monkeypatch):
    def fail(*_):
        raise RuntimeError("can't start new thread")

    thread = RawThread()
    with monkeypatch.context() as patch:
        patch.setattr("_thread.start_new_thread", fail)
        with pytest.raises(RuntimeError):
            thread.start(lambda: None)
    assert thread.join(0.0)
    thread.start(lambda: None)
    assert thread.join(10)
