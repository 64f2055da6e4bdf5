"""The watcher with its real thread: stats, leaks, gc(), stopping; events are waited for, never slept for."""

import gc
import logging
import subprocess
import sys
import threading
import time
from _queue import Empty, SimpleQueue

import pytest

from memwatch.watch import Watcher, choose_pace, make_detectors, make_leak
from memwatch.watch.contract import Unjudged
from memwatch.watch.reading import collect_once

MIB = 1 << 20


class Agreeable:
    """A judge that takes every candidate for a leak."""

    def suspected(self, candidate):
        pass

    def __call__(self, candidate):
        return make_leak(candidate.growth, "objects", Unjudged(candidate.growth, "not looked into"))

    def followed(self, candidate):
        pass

    def forget(self):
        pass


class Watched:
    """A watcher whose events come through a queue; `react` maps an event to what its receiver does."""

    def __init__(self, tick=3600.0, stats_interval=3600.0, **react):
        self.events = SimpleQueue()
        self.react = react
        pace = choose_pace("job", tick=tick)
        self.watcher = Watcher(pace, make_detectors(pace), Agreeable(), self.publish, stats_interval)
        self.watcher.start()

    def publish(self, event, watcher, value):
        self.events.put((event, value))
        if event in self.react:
            self.react[event](watcher, value)

    def next(self, timeout=30):
        return self.events.get(timeout=timeout)

    def names(self):
        names = []
        while True:
            try:
                names.append(self.events.get_nowait()[0])
            except Empty:
                return names


@pytest.fixture
def watched():
    made = []

    def make(**options):
        made.append(Watched(**options))
        return made[-1]

    yield make
    for each in made:
        each.watcher.stop()


def test_a_full_collection_by_the_program_brings_stats(watched):
    w = watched(tick=0.01)
    before = w.watcher.latest
    gc.collect()
    event, stats = w.next()
    while stats.trigger != "gc":
        event, stats = w.next()
    assert event == "stats" and before is None
    assert stats.num_full_gc >= 1 and stats.current_base > MIB and stats.rss > MIB
    assert stats.python_blocks > 1000 and stats.meters[-1] == "rss"


def test_collections_of_one_tick_share_one_stats(watched):
    w = watched(tick=3600.0)
    for _ in range(20):
        gc.collect()
    w.watcher.collect()
    assert [w.next()[1].trigger for _ in range(2)] == ["gc", "forced"] and w.names() == []


def test_stats_come_by_themselves_where_no_collection_comes(watched):
    w = watched(tick=0.01, stats_interval=0.1)
    gc.disable()
    try:
        first, second = w.next()[1], w.next()[1]
    finally:
        gc.enable()
    assert first.trigger == second.trigger == "tick" and second.time > first.time


def test_six_rounds_of_growth_and_gc_bring_exactly_one_leak(watched):
    w, kept = watched(), []
    for _ in range(6):
        kept.append(bytearray(MIB))
        stats = w.watcher.collect()
    assert w.names() == ["stats", "stats", "suspect", "stats", "stats", "stats", "leak", "stats"]
    assert stats.trigger == "forced" and stats.current_base > 6 * MIB


def test_six_level_rounds_bring_none(watched):
    w = watched()
    for _ in range(6):
        w.watcher.collect()
    assert w.names() == ["stats"] * 6


def test_the_leaks_reason_is_node_memwatchs(watched):
    w, kept = watched(), []
    for _ in range(6):
        kept.append(bytearray(MIB))
        w.watcher.collect()
    leak = next(value for event, value in iter(w.next, None) if event == "leak")
    assert leak.reason.startswith("heap growth over 5 consecutive GCs (") and leak.reason.endswith(" mb/hr")
    assert leak.growth >= 5 * MIB and leak.end > leak.start


def test_gc_returns_what_it_left_and_delivers_before_it_returns(watched):
    w = watched()
    stats = w.watcher.collect()
    event, delivered = w.events.get_nowait()
    assert event == "stats" and delivered == stats == w.watcher.latest


def test_gc_in_a_receiver_returns_at_once_and_its_events_come_after(watched):
    seen = []

    def receiver(watcher, stats):
        if not seen:
            seen.append(watcher.collect())
            seen.append(w.events.qsize())

    w = watched(stats=receiver)
    w.watcher.collect()
    w.next()
    event, stats = w.next()
    assert event == "stats" and stats.trigger == "forced"
    assert seen[0].num_full_gc == stats.num_full_gc and seen[1] == 1


def test_a_receiver_of_stats_that_collects_is_not_called_for_ever(watched):
    calls = []

    def receiver(watcher, stats):
        calls.append(watcher.collect())

    w = watched(stats=receiver)
    w.watcher.collect()
    w.next()
    w.next()
    w.watcher.stop()
    assert len(calls) == 3  # of the collection, of that in the receiver, of the end


def test_gc_gives_up_when_a_receiver_wants_a_lock_that_the_caller_holds(watched, caplog, monkeypatch):
    monkeypatch.setattr("memwatch.watch.watcher.GC_PATIENCE", 0.2)
    lock = threading.Lock()

    def receiver(watcher, stats):
        with lock:
            pass

    w = watched(stats=receiver)
    with lock, caplog.at_level(logging.WARNING, "memwatch"):
        stats = w.watcher.collect()
    assert stats.trigger == "forced" and "a lock that the caller holds" in caplog.text


def test_gc_from_many_threads_at_once(watched):
    w, results = watched(), []
    threads = [threading.Thread(target=lambda: results.append(w.watcher.collect())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == 8 and w.names() == ["stats"] * 8


def test_stop_inside_a_receiver(watched):
    stopped = threading.Event()

    def receiver(watcher, stats):
        watcher.stop()
        stopped.set()

    w = watched(stats=receiver)
    gc.collect()
    w.watcher.collect()
    assert stopped.wait(10) and not w.watcher.running


def test_stop_takes_a_last_reading_and_leaves_the_collector_alone(watched):
    w = watched()
    callbacks = len(gc.callbacks)
    w.watcher.stop()
    assert w.next()[1].trigger == "exit" and len(gc.callbacks) == callbacks - 1
    w.watcher.stop()
    assert w.names() == []


def test_stop_does_not_wait_for_a_receiver_that_is_stuck(watched):
    go = threading.Event()
    w = watched(tick=0.01, stats=lambda watcher, stats: go.wait(60))
    gc.collect()
    w.next()
    begun = time.monotonic()
    w.watcher.stop(patience=0.1)
    assert time.monotonic() - begun < 30
    go.set()


def test_the_program_runs_on_while_a_receiver_is_stuck(watched):
    go = threading.Event()
    w = watched(tick=0.01, stats=lambda watcher, stats: go.wait(60))
    for _ in range(20):
        gc.collect()
    w.next()
    go.set()


def test_it_is_busy_while_receivers_run(watched):
    seen = []
    w = watched(stats=lambda watcher, stats: seen.append(watcher._ledger.is_busy))
    w.watcher.collect()
    assert seen == [True] and not w.watcher._ledger.is_busy


def test_its_costs_are_measured(watched):
    w = watched(tick=0.01)
    while w.watcher.readings < 20:
        w.watcher.collect()
    cost = w.watcher.cost.to_dict()
    assert 0 <= cost["cpu_share"] < 1 and cost["longest_pause_seconds"] > 0
    assert w.watcher.age > 0 and abs(w.watcher.started - time.time()) < 3600


def test_collecting_with_no_watcher_gives_stats_all_the_same():
    stats = collect_once()
    assert stats.trigger == "forced" and stats.estimated_base == stats.current_base > MIB


def test_woken_by_many_threads_at_once_it_has_one_thread(watched, monkeypatch):
    w, started = watched(), []
    start = w.watcher._thread.start
    monkeypatch.setattr(w.watcher._thread, "start", lambda run: (started.append(1), start(run)))
    for round_ in range(20):
        w.watcher.park()
        barrier = threading.Barrier(6)
        threads = [threading.Thread(target=lambda b=barrier: (b.wait(), w.watcher.wake())) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        w.watcher.collect()
        assert len(started) == round_ + 1


def test_gc_wakes_a_thread_that_another_thread_has_parked_meanwhile(watched):
    w = watched()
    w.watcher.wake = lambda *_, **__: None  # as if the fork began just after gc() had looked
    w.watcher.park()
    waiting = threading.Thread(target=w.watcher.collect)
    waiting.start()
    del w.watcher.wake
    waiting.join(30)
    assert not waiting.is_alive() and "stats" in w.names()


def test_a_halt_for_a_fork_that_is_over_ends_nothing(watched):
    go, busy = threading.Event(), threading.Event()
    w = watched(stats=lambda watcher, stats: (busy.set(), go.wait(30)))
    gc.collect()
    assert busy.wait(30)
    w.watcher.park()
    w.watcher.resume(in_child=False)
    gc.disable()
    try:
        go.set()
        w.watcher._queue.put(None)
        while w.watcher._halting:
            pass
        assert w.watcher._thread.ident is not None
    finally:
        gc.enable()


def test_no_thread_inside_a_collection_is_tried_again_and_said_by_the_next_call(watched, monkeypatch, caplog):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    w = watched()
    w.watcher.park()
    monkeypatch.setattr("_thread.start_new_thread", refuse)
    with caplog.at_level(logging.WARNING, "memwatch"):
        w.watcher._trigger.call_at_next(w.watcher._wake_inside)
        gc.collect()
        assert caplog.text == "" and w.watcher.running
        w.watcher.wake()
    assert "no thread can be started" in caplog.text and not w.watcher.running


def test_a_program_without_descriptors_is_watched_and_so_is_its_child() -> None:
    code = """
import os, time, memwatch, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
watcher = memwatch.start(tick=0.02)
taken = []
try:
    while True:
        taken.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
pid = os.fork()
before, deadline = watcher.readings, time.monotonic() + 20
while watcher.readings < before + 3 and time.monotonic() < deadline:
    time.sleep(0.02)
seen = watcher.readings >= before + 3
if pid == 0:
    os._exit(not seen)
print(watcher.running, seen, os.waitpid(pid, 0)[1])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["True", "True", "0"], "")


def test_a_gap_is_said_until_enough_was_read_and_a_child_has_its_own(watched):
    w = watched()
    assert w.watcher.gap == "" and "not watched" not in repr(w.watcher)
    w.watcher._ticker._since -= 5 * 3600.0
    assert w.watcher.gap == "not watched: 0 readings of 5 expected, its thread did not get to run"
    assert w.watcher.gap in repr(w.watcher)
    for _ in range(3):
        w.watcher.collect()
    assert w.watcher.gap == ""
    w.watcher._inherited = w.watcher._observer.history.seen
    assert w.watcher.gap.startswith("not watched: 0 readings of 5")
