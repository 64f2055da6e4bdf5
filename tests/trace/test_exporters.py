"""Exporters get each record at once, and nothing that they do reaches the marked program."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest

from memwatch import ReceiverError, trace


def test_each_record_goes_to_each_exporter_in_the_marking_thread() -> None:
    seen: list[tuple[str, str]] = []

    @trace.add_exporter
    def note(record: trace.Record) -> None:
        seen.append((record.record_name, threading.current_thread().name))

    other: list[trace.Record] = []
    trace.add_exporter(other.append)
    trace.init()
    trace.trace_memory("x")
    with trace.trace_block("b"):
        pass
    assert seen == [("x", "MainThread"), ("b-block-start", "MainThread"), ("b-block-end", "MainThread")]
    assert tuple(other) == trace.export_trace()


def test_an_exporter_added_twice_is_called_once_and_can_be_removed() -> None:
    seen: list[trace.Record] = []
    trace.init()
    trace.add_exporter(seen.append)
    trace.add_exporter(seen.append)
    trace.trace_memory("x")
    trace.remove_exporter(seen.append)
    trace.remove_exporter(seen.append)
    trace.trace_memory("y")
    assert [record.record_name for record in seen] == ["x"]


def test_one_that_raises_is_logged_once_and_the_others_go_on(caplog) -> None:
    seen: list[trace.Record] = []

    def bad(record: trace.Record) -> None:
        raise ValueError("secret")

    trace.init()
    trace.add_exporter(bad)
    trace.add_exporter(seen.append)
    with caplog.at_level(logging.ERROR, "memwatch"), trace.trace_block("b"):
        trace.trace_memory("x")
    assert len(seen) == 3
    assert [message.getMessage() for message in caplog.records if "ValueError in" in message.getMessage()]
    assert len(caplog.records) == 1 and "secret" not in caplog.text


def test_one_that_marks_is_not_called_with_its_own_marks() -> None:
    seen: list[str] = []

    def marks(record: trace.Record) -> None:
        seen.append(record.record_name)
        trace.trace_memory("by the exporter")

    trace.init()
    trace.add_exporter(marks)
    trace.trace_memory("x")
    trace.trace_memory("y")
    assert seen == ["x", "y"]
    assert [record.record_name for record in trace.export_trace()] == ["x", "by the exporter", "y", "by the exporter"]


@pytest.mark.parametrize("order", ["memwatch first", "gevent first"])
def test_one_that_lets_other_greenlets_run_gets_their_records_too(order) -> None:
    pytest.importorskip("gevent")
    patch, load = "from gevent import monkey; monkey.patch_all()", "from memwatch import trace"
    first, second = (load, patch) if order == "memwatch first" else (patch, load)
    program = f"""
{first}
{second}
import gevent
seen = []
trace.add_exporter(lambda record: (gevent.sleep(0.001), seen.append(record.record_name)))
trace.init()
gevent.joinall([gevent.spawn(trace.trace_memory, name) for name in "abc"], raise_error=True)
print(*sorted(seen))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.stdout == "a b c\n", ended.stderr


def test_one_that_removes_itself_or_begins_a_new_trace() -> None:
    def once(record: trace.Record) -> None:
        trace.remove_exporter(once)
        trace.init()

    trace.init()
    trace.add_exporter(once)
    with trace.trace_block("b"):
        trace.trace_memory("x")
    assert [record.record_name for record in trace.export_trace()] == ["x"]


async def coroutine(record: trace.Record) -> None: ...


@pytest.mark.parametrize("wrong", [None, 3, "x", coroutine])
def test_what_cannot_be_called_with_a_record_is_refused(wrong) -> None:
    with pytest.raises(ReceiverError):
        trace.add_exporter(wrong)
