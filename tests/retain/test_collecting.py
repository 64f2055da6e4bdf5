"""Code of the program that collects garbage by itself, if it has been run."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from memwatch.backend import FREE_THREADED
from memwatch.retain import collecting, find_collecting, find_deleting
from memwatch.retain.functions import has_run

SOURCE = """
import gc
import time

EVERY = 120.0

def sweep():
    gc.collect()

def check(last):
    if time.monotonic() - last > EVERY:
        sweep()

def housekeep(seconds):
    started.set()
    wait(seconds)
    gc.collect()

def tick(number):
    if number < 0:
        gc.collect()
    return [it for it in range(number)]

def count():
    return gc.get_count()
"""


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A program that is all there is: these tests collect, too."""
    module = sys.modules["collecting_program"] = ModuleType("collecting_program")
    module.__file__ = "/srv/collecting_program.py"
    exec(compile(SOURCE, module.__file__, "exec"), vars(module))
    monkeypatch.setattr(collecting, "modules", lambda: [(module.__name__, module)])
    yield module
    del sys.modules["collecting_program"]


def test_code_that_has_not_been_run_collects_nothing(program: Any) -> None:
    assert not has_run(program.tick.__code__) and find_collecting() is None


def test_code_that_has_been_run_may_collect(program: Any) -> None:
    for _ in range(20):
        program.tick(20)
        program.count()
    assert has_run(program.tick.__code__) and find_collecting() == ("tick", None)


def test_code_that_has_been_run_calls_what_collects_by_the_clock(program: Any) -> None:
    for _ in range(20):
        program.check(program.time.monotonic())
    assert not has_run(program.sweep.__code__) and find_collecting() == ("sweep", 120.0)


def test_a_thread_that_sleeps_before_it_collects(program: Any) -> None:
    program.started, end = threading.Event(), threading.Event()
    program.wait = lambda seconds: end.wait(60)
    thread = threading.Thread(target=program.housekeep, args=[200], daemon=True)
    thread.start()
    assert program.started.wait(60)
    found = find_collecting()
    end.set()
    thread.join(60)
    assert found == ("housekeep", 200.0)


@pytest.mark.parametrize(
    ("imports", "call"),
    [("from gc import collect", "collect()"), ("from gc import collect as sweep", "sweep(1)"),
     ("import gc as garbage", "garbage.collect()"), ("import time", "from gc import collect; collect()")],
)  # fmt: skip
def test_a_collection_by_another_name(program: Any, imports: str, call: str) -> None:
    source = f"{imports}\nimport time\ndef idle(last):\n    if time.monotonic() - last > 60.0:\n        {call}\n"
    exec(compile(source, program.__file__, "exec"), vars(program))
    for _ in range(20):
        program.idle(program.time.monotonic())
    assert find_collecting() == ("idle", 60.0)


def test_what_only_bears_such_a_name_collects_nothing(program: Any) -> None:
    source = "def collect(): return []\ndef gather(jobs):\n    for job in range(jobs): collect()\n"
    exec(compile(source, program.__file__, "exec"), vars(program))
    for _ in range(20):
        program.gather(20)
    assert find_collecting() is None


DELETING = """
OLD = "DELETE FROM events WHERE t < ?"

def keep(run, number, most):
    if number > most:
        run("delete from events where n < ?", number)

def expire(run, number, most):
    if number > most:
        run(OLD, number)
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="3.11 counts calls of a function, and notes no single line")
@pytest.mark.skipif(FREE_THREADED, reason="free-threaded builds do not show what has been run")
@pytest.mark.parametrize("name", ["keep", "expire"])
def test_rows_are_deleted_where_that_line_has_been_run(program: Any, name: str) -> None:
    exec(compile(DELETING, program.__file__, "exec"), vars(program))
    for most, found in ((1000, None), (10, name)):
        for number in range(20):
            getattr(program, name)(lambda *_: None, number, most)
        assert find_deleting() == found
