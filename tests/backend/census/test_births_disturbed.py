"""Births while others meddle: what is sure is told, what is not is doubtful, and nothing is left behind."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

import memwatch

if memwatch.backend.name != "native":
    pytest.skip("only the C extension watches births", allow_module_level=True)

from memwatch.backend import _native
from memwatch.backend.census.contract import TypeTurnover
from memwatch.backend.census.exact import take_identity

TRACED = sys.version_info >= (3, 13)
LABEL = f"{__name__}.Order"
KEPT: list[Any] = []


class Order:
    def __init__(self, number: int) -> None:
        self.number = number


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    KEPT[:] = [Order(number) for number in range(1000)]
    callbacks = len(gc.callbacks)
    gc.freeze()  # the walks are over what a test makes, and not over the tests that pytest has collected
    yield
    gc.unfreeze()
    KEPT.clear()
    _native.fail_after(-1)
    assert len(gc.callbacks) <= callbacks


def watch(since: Any = None, births: bool = False) -> Any:
    gc.collect()
    return take_identity(False, (), None, births, since)


def replace(count: int, start: int = 0) -> None:
    for place in range(start, start + count):
        KEPT[place] = None
        KEPT[place] = Order(-place)


def passage(before: Any, after: Any) -> TypeTurnover:
    found = before.compare(after)[0].get(LABEL, TypeTurnover(0, 0, 0))
    assert isinstance(found, TypeTurnover)
    return found


def holds(row: TypeTurnover, came: int) -> bool:
    return row.allocated <= came <= row.allocated + row.doubtful


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_identities_overlap() -> None:
    first = watch(births=True)
    replace(100)
    second = watch(births=True)
    replace(100, 500)
    assert passage(second, watch(second)) == TypeTurnover(100, 100, 0)
    replace(50, 700)
    third = watch(births=True)
    replace(10, 900)
    assert passage(first, watch(first)) == TypeTurnover(260, 260, 0)
    replace(10, 910)
    assert passage(third, watch(third)) == TypeTurnover(20, 20, 0)


def test_an_inner_identity_leaves_its_births_to_the_outer() -> None:
    outer = watch(births=True)
    for start in range(0, 500, 10):
        inner = watch(births=True)
        replace(10, start)
        inner.release()
    assert passage(outer, watch(outer)) == TypeTurnover(500, 500, 0)


def test_release_may_come_twice_and_leaves_doubt() -> None:
    before = watch(births=True)
    before.release()
    before.release()
    replace(10)
    row = passage(before, watch(before))
    assert row.doubtful >= 990 and holds(row, 10)


def test_an_identity_that_is_dropped_watches_no_longer() -> None:
    callbacks = list(gc.callbacks)
    before = watch(births=True)
    assert TRACED or len(gc.callbacks) == len(callbacks) + 1
    del before
    assert gc.callbacks == callbacks


def test_what_other_threads_make_is_seen() -> None:
    stop = threading.Event()
    made = [0]

    def work() -> None:
        while not stop.is_set():
            replace(1, made[0] % 1000)
            made[0] += 1

    thread = threading.Thread(target=work)
    before = watch(births=True)
    thread.start()
    while made[0] < 3000:
        gc.collect(1)
    stop.set()
    thread.join()
    assert passage(before, watch(before)) == TypeTurnover(1000, 1000, 0)


@pytest.mark.skipif(TRACED, reason="births are traced")
def test_frozen_births_are_doubtful() -> None:
    before = watch(births=True)
    replace(100)
    gc.freeze()
    gc.unfreeze()
    row = passage(before, watch(before))
    assert holds(row, 100) and row.doubtful >= 100


@pytest.mark.skipif(TRACED, reason="births are traced")
def test_without_its_callback_births_are_doubtful() -> None:
    before, callbacks = watch(births=True), list(gc.callbacks)
    replace(100)
    gc.callbacks.clear()
    gc.collect()
    gc.callbacks.extend(callbacks)
    row = passage(before, watch(before))
    assert holds(row, 100) and row.doubtful >= 100


@pytest.mark.skipif(TRACED, reason="births are traced")
def test_a_callback_that_came_later_stays() -> None:
    before = watch(births=True)
    later = lambda phase, info: None  # noqa: E731
    gc.callbacks.append(later)
    replace(10)
    assert passage(before, watch(before)) == TypeTurnover(10, 10, 0)
    assert gc.callbacks[-1] is later
    gc.callbacks.pop()
    again = watch(births=True)  # the idle callback is used again, and is the last one now
    replace(10)
    assert passage(again, watch(again)) == TypeTurnover(10, 10, 0)


@pytest.mark.skipif(not TRACED, reason="there is no tracer")
def test_tracemalloc_before_goes_on() -> None:
    tracemalloc.start()
    try:
        before = watch(births=True)
        replace(100)
        assert passage(before, watch(before)) == TypeTurnover(100, 100, 0)
        assert tracemalloc.get_object_traceback(Order(1)) is not None
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not TRACED, reason="there is no tracer")
def test_tracemalloc_in_between_brings_doubt() -> None:
    before = watch(births=True)
    replace(100)
    tracemalloc.start()
    replace(100, 500)
    tracemalloc.stop()
    row = passage(before, watch(before))
    assert holds(row, 200) and row.allocated >= 100
    again = watch(births=True)
    replace(100)
    assert passage(again, watch(again)) == TypeTurnover(100, 100, 0)


def test_out_of_memory_is_an_error_where_one_asks_and_doubt_elsewhere() -> None:
    done = False
    for mappings in range(100):
        _native.fail_after(-1)
        before = None
        _native.fail_after(mappings)
        try:
            before = watch(births=True)
            replace(100)
            row = passage(before, watch(before))
            done = row.doubtful == 0
        except MemoryError:
            continue
        assert holds(row, 100)
        if done:
            break
    assert done


def test_out_of_memory_while_births_are_entered() -> None:
    before = watch(births=True)
    _native.fail_after(0)
    KEPT.append([Order(number) for number in range(50_000)])
    replace(100)
    gc.collect(1)
    _native.fail_after(-1)
    row = passage(before, watch(before))
    assert row.allocated <= 50_100 <= row.allocated + row.doubtful


@pytest.mark.slow
def test_more_identities_within_another_than_a_byte_has_numbers() -> None:
    outer = watch(births=True)
    replace(100)
    for _ in range(300):
        inner = take_identity(False, (), None, True)
        replace(1, 500)
        assert holds(passage(inner, take_identity(False, (), None, False, inner)), 1)
    inner = watch(births=True)
    replace(100, 600)
    assert passage(inner, watch(inner)) == TypeTurnover(100, 100, 0)
    assert holds(passage(outer, watch(outer)), 201)


BORN_ANYWHERE = """
import gc
from memwatch.backend.census.exact import take_identity
kept = [b"%d" % number * number for number in range(1, 10_000, 10)]
gc.collect()
before = take_identity(True, (), None, True)
for number in range(200):
    kept[number * 5] = None
    kept[number * 5] = b"%d" % (number + 10_000) * (number * 50 + 1)
row = before.compare(take_identity(True, (), None, False, before))[0]["bytes"]
assert row.allocated <= 200 <= row.allocated + row.doubtful, row
print(row.doubtful)
"""


@pytest.mark.parametrize("allocator", ["pymalloc", "malloc"])
@pytest.mark.parametrize("limit", ["", "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40))\n"])
def test_births_are_seen_wherever_memory_comes_from(
    monkeypatch: pytest.MonkeyPatch, allocator: str, limit: str
) -> None:
    monkeypatch.setenv("PYTHONMALLOC", allocator)
    doubtful = int(run(limit + BORN_ANYWHERE))
    assert doubtful == 0 or not TRACED


def test_a_forked_child_goes_on() -> None:
    program = """
import gc, os
from memwatch.backend.census.exact import take_identity
class Order: pass
kept = [Order() for _ in range(1000)]
gc.collect()
before = take_identity(False, (), None, True)
for place in range(100):
    kept[place] = None
    kept[place] = Order()
child = os.fork()
for place in range(500, 600):
    kept[place] = None
    kept[place] = Order()
gc.collect()
row = before.compare(take_identity(False, (), None, False, before))[0]["__main__.Order"]
assert (row.allocated, row.freed, row.doubtful) == (200, 200, 0), row
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    assert run(program) == ""


def test_the_interpreter_may_end_while_births_are_watched() -> None:
    for keep in ("kept = ", "import builtins; builtins.kept = ", "import gc; gc.disable(); "):
        program = (
            f"from memwatch.backend.census.exact import take_identity\n{keep}take_identity(True, (), None, True)\n"
        )
        assert run(program + "things = [object() for _ in range(1000)]; print(1)") == "1\n"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="interpreters share one lock")
def test_another_interpreter_beside() -> None:
    program = """
import gc, threading
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
from memwatch.backend.census.exact import take_identity
class Order: pass
kept = [Order() for _ in range(1000)]
other = interpreters.create()
work = '''
import sys
from memwatch.backend.census.exact import take_identity
class Order: pass
kept = [Order() for _ in range(1000)]
for _ in range(3):
    before = take_identity(False, (), None, True)
    kept = [Order() for _ in range(1000)]
    row = before.compare(take_identity(False, (), None, False, before))[0]["__main__.Order"]
    assert row.allocated <= 1000 <= row.allocated + row.doubtful, row
'''
gc.collect()
before = take_identity(False, (), None, True)
def beside():
    interpreters.run_string(other, work)
    interpreters.destroy(other)  # in the thread that imported threading there, or 3.12 waits for ever
thread = threading.Thread(target=beside)
thread.start()
for place in range(500):
    kept[place] = None
    kept[place] = Order()
thread.join()
gc.collect()
row = before.compare(take_identity(False, (), None, False, before))[0]["__main__.Order"]
assert (row.allocated, row.freed, row.doubtful) == (500, 500, 0), row
"""
    assert run(program) == ""


@pytest.mark.slow
def test_hundreds_of_identities_leave_nothing_behind() -> None:
    program = """
import gc, os, sys
from memwatch.backend.census.exact import take_identity
def rounds(number):
    for _ in range(number):
        before = take_identity(False, (), None, True)
        before.compare(take_identity(False, (), None, False, before))
        take_identity(False, (), None, True).release()
    gc.collect()
    return sys.getallocatedblocks(), sum(1 for _ in open("/proc/self/maps"))
rounds(20)
blocks, maps = rounds(20)
after_blocks, after_maps = rounds(300)
print(after_blocks - blocks < 20, after_maps - maps < 5, len(gc.callbacks))
"""
    assert run(program) == "True True 0\n"
