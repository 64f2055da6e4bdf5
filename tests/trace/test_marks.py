"""A mark leaves one record of this process, or nothing; the ring keeps the last ones and says what it lost."""

from __future__ import annotations

import _thread
import gc
import json
import logging
import signal
import subprocess
import sys
import threading
import time
import tracemalloc

import pytest

from memwatch import NotStartedError, OptionError, trace
from memwatch.trace import tracer
from memwatch.trace.records import FIELDS

KIB = 1024


def names() -> list[str]:
    return [record.record_name for record in trace.export_trace()]


def test_before_init_a_mark_is_nothing() -> None:
    assert trace.trace_memory("early") is None
    with trace.trace_block("early"):
        pass
    trace.init()
    assert names() == []


@pytest.mark.parametrize("ask", [trace.export_trace, trace.dropped, trace.open_blocks, trace.call_tree])
def test_what_was_never_begun_cannot_be_exported(ask) -> None:
    with pytest.raises(NotStartedError, match=r"trace\.init"):
        ask()


@pytest.mark.parametrize("export", [trace.export_trace_to_csv, trace.export_trace_to_json])
def test_no_file_is_made_of_a_trace_that_was_never_begun(export, tmp_path) -> None:
    with pytest.raises(NotStartedError):
        export(tmp_path / "trace")
    assert list(tmp_path.iterdir()) == []


def test_a_mark_is_a_record_of_this_moment() -> None:
    trace.init()
    before = time.time() * 1000
    record = trace.trace_memory("here")
    assert record is trace.export_trace()[0]
    assert (record.record_name, record.memory_unit, record.kind, record.number) == ("here", "B", "mark", 1)
    assert before - 1 <= record.trace_datetime <= time.time() * 1000
    assert record.rss >= record.heap_total > 1 << 20
    assert record.heap_used > 1 << 20 and isinstance(record.heap_used, int)
    assert record.external is None or 0 < record.external < record.heap_used
    assert (record.parent, record.depth, record.task, record.thread) == (None, 0, None, "MainThread")
    assert tuple(record.to_dict()) == FIELDS
    assert json.loads(json.dumps(record.to_dict())) == record.to_dict()


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("B", 1), ("KB", 10**3), ("MB", 10**6), ("GB", 10**9), ("KiB", 2**10), ("MiB", 2**20), ("GiB", 2**30)],
)
def test_units_are_exact(unit, factor) -> None:
    trace.init(unit=unit)
    record = trace.trace_memory("x")
    assert record.memory_unit == unit
    assert record.rss * factor == pytest.approx(round(record.rss * factor / KIB) * KIB, abs=1e-3)
    assert 1 << 20 < record.rss * factor < 1 << 40


@pytest.mark.parametrize("unit", ["b", "kb", "TB", "", None, 1, ["B"]])
def test_an_unknown_unit_is_said_and_the_running_trace_goes_on(unit) -> None:
    trace.init()
    trace.trace_memory("kept")
    with pytest.raises(OptionError, match="B, KB, MB, GB, KiB, MiB, GiB"):
        trace.init(unit=unit)
    trace.trace_memory("more")
    assert names() == ["kept", "more"]


@pytest.mark.parametrize("capacity", [0, -1, 1.5, "9", True, None, 10**9])
def test_a_capacity_is_a_number_of_records(capacity) -> None:
    with pytest.raises(OptionError, match="from 1 to 10000000 records"):
        trace.init(capacity=capacity)


def test_collect_is_a_bool() -> None:
    with pytest.raises(OptionError, match="collect"):
        trace.init(collect="yes")


@pytest.mark.parametrize("name", [None, 3, b"x", ["x"]])
def test_a_name_is_a_str(name) -> None:
    trace.init()
    with pytest.raises(OptionError, match="str"):
        trace.trace_memory(name)
    with pytest.raises(OptionError, match="str"):
        trace.trace_block(name)


def test_a_name_s_own_methods_are_not_called_and_a_long_one_is_cut() -> None:
    class Loud(str):
        __slots__ = ()

        def refuse(self, *_):
            raise AssertionError

        __str__ = __repr__ = __format__ = __len__ = __hash__ = __eq__ = refuse

    trace.init()
    trace.trace_memory(Loud("loud"))
    trace.trace_memory("x" * 10_000)
    with trace.trace_block(Loud("loud")):
        pass
    assert names() == ["loud", "x" * 256, "loud-block-start", "loud-block-end"]


def test_init_again_begins_anew() -> None:
    trace.init()
    first = trace.trace_memory("old")
    trace.init(unit="KB")
    second = trace.trace_memory("new")
    assert names() == ["new"]
    assert first.trace_key != second.trace_key and second.number == 1


def test_after_stop_marks_are_nothing_and_the_records_stay() -> None:
    trace.init()
    trace.trace_memory("kept")
    trace.stop()
    trace.stop()
    assert trace.trace_memory("late") is None
    assert names() == ["kept"]


def test_collect_runs_a_collection_at_each_mark_and_says_its_cost() -> None:
    trace.init(collect=True)
    before = gc.get_stats()[-1]["collections"]
    record = trace.trace_memory("x")
    assert gc.get_stats()[-1]["collections"] == before + 1
    assert 0 < record.collect_seconds < 60
    trace.init()
    assert trace.trace_memory("x").collect_seconds is None


def test_heap_used_sees_what_is_held_and_what_was_let_go() -> None:
    trace.init()
    before = trace.trace_memory("before").heap_used
    held = [bytearray(1 << 20) for _ in range(8)]
    during = trace.trace_memory("during").heap_used
    del held
    after = trace.trace_memory("after").heap_used
    assert during - before > 7 << 20
    assert abs(after - before) < 1 << 20


def test_the_ring_keeps_the_last_ones_and_counts_what_it_lost() -> None:
    trace.init(capacity=3)
    for number in range(10):
        trace.trace_memory(str(number))
    assert names() == ["7", "8", "9"]
    assert [record.number for record in trace.export_trace()] == [8, 9, 10]
    assert trace.dropped() == 7


def test_marks_do_not_show_in_what_they_measure() -> None:
    trace.init()
    if trace.trace_memory("first").external is None:
        pytest.skip("without malloc statistics resident memory stands in, which is too coarse for this")
    gc.collect()
    gc.disable()  # what other tests left behind must not go away meanwhile
    try:
        for _ in range(5000):
            trace.trace_memory("again")
    finally:
        gc.enable()
    records = trace.export_trace()
    assert abs(records[-1].heap_used - records[100].heap_used) < 100 * 5000  # not 700 bytes and more for each


def test_half_a_million_marks_stay_within_the_ring(monkeypatch) -> None:
    trace.init(capacity=1000)
    reading = trace.trace_memory("first"), tracer.active._gauge.read()[0]
    monkeypatch.setattr(tracer.active._gauge, "read", lambda force=False: (reading[1], 0.0))
    for _ in range(2000):
        trace.trace_memory("x")
    tracemalloc.start()
    try:
        for _ in range(3000):
            trace.trace_memory("x")
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        for _ in range(490_000):
            trace.trace_memory("x")
        tracemalloc.start()
        for _ in range(3000):
            trace.trace_memory("x")
        assert tracemalloc.get_traced_memory()[0] < before + 100_000
    finally:
        tracemalloc.stop()
    assert len(trace.export_trace()) == 1000
    assert trace.dropped() == 1 + 2000 + 3000 + 490_000 + 3000 - 1000


def test_marks_of_many_threads_are_all_there() -> None:
    trace.init()

    def mark(worker: int) -> None:
        for number in range(300):
            trace.trace_memory(f"{worker}:{number}")

    threads = [threading.Thread(target=mark, args=(worker,), name=f"worker {worker}") for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = trace.export_trace()
    assert [record.number for record in records] == list(range(1, 2401))
    assert {record.record_name for record in records} == {f"{w}:{n}" for w in range(8) for n in range(300)}
    assert all(record.thread == f"worker {record.record_name[0]}" for record in records)


def test_a_foreign_thread_is_marked_in_and_not_entered_into_the_program_s_list() -> None:
    trace.init()
    done = _thread.allocate_lock()
    done.acquire()
    seen: list[int] = []

    def work() -> None:
        try:
            trace.trace_memory("foreign")
            seen.append(len(threading.enumerate()))
        finally:
            done.release()

    before = len(threading.enumerate())
    _thread.start_new_thread(work, ())
    assert done.acquire(timeout=10)
    assert seen == [before]
    assert trace.export_trace()[0].thread.startswith("foreign-")


def test_marks_inside_collections_do_no_harm() -> None:
    trace.init()

    def mark(phase: str, info: dict[str, int]) -> None:
        trace.trace_memory(phase)

    gc.callbacks.append(mark)
    try:
        for _ in range(20):
            with trace.trace_block("work"):
                gc.collect()
            trace.export_trace()
    finally:
        gc.callbacks.remove(mark)
    assert names().count("stop") >= 20
    assert {record.parent for record in trace.export_trace() if record.record_name == "stop"} <= {"work", None}


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that sends signals")
def test_marks_inside_signal_handlers_do_no_harm() -> None:
    trace.init()
    handled: list[int] = []

    def handle(number: int, frame: object) -> None:
        trace.trace_memory("signal")
        handled.append(len(trace.export_trace()))
        signal.setitimer(signal.ITIMER_REAL, 0.001)  # not before: on a busy machine they would come inside one another

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    try:
        deadline = time.monotonic() + 10
        while len(handled) < 20 and time.monotonic() < deadline:
            with trace.trace_block("work"):
                trace.trace_memory("program")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(handled) >= 20
    assert names().count("signal") + trace.dropped() >= len(handled)


def test_memory_that_cannot_be_read_is_said_once_and_breaks_nothing(monkeypatch, caplog) -> None:
    trace.init()

    def refuse(force: bool = False) -> None:
        raise OSError(24, "Too many open files")

    trace.trace_memory("first")
    with trace.trace_block("work"):
        monkeypatch.setattr(tracer.active._gauge, "read", refuse)
        with caplog.at_level(logging.ERROR, "memwatch"):
            assert trace.trace_memory("lost") is None
            assert trace.trace_memory("lost") is None
            with trace.trace_block("lost"):
                monkeypatch.undo()
    assert [(r.record_name, r.growth is None) for r in trace.export_trace()] == [
        ("first", True),
        ("work-block-start", True),
        ("lost-block-end", True),
        ("work-block-end", False),
    ]
    assert [message.getMessage()[:21] for message in caplog.records] == ["memory cannot be read"]


def test_the_room_brings_neither_http_nor_asyncio() -> None:
    code = (
        "import sys; from memwatch import trace; trace.init(); trace.trace_memory('x');"
        "print(*sorted({'asyncio', 'ssl', 'urllib.request', 'http.client', 'gzip'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
