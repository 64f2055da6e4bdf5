"""The collector's callback, in C and in Python: what it counts, what it puts, whom it wakes, and what it never does."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from _queue import SimpleQueue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import memwatch
from memwatch.backend.census.chosen import count_objects
from memwatch.backend.meters.gc_callback import WAITING, Callback, Collected, PythonGCCallback, make_callback
from memwatch.backend.quiet import quiet

FULL = {"generation": 2, "collected": 0, "uncollectable": 0}
YOUNG = {**FULL, "generation": 0}
SEVEN = (7).conjugate  # a C function that answers 7

native = pytest.mark.skipif(memwatch.backend.name != "native", reason="the C extension is not in use")
makers = pytest.mark.parametrize("make", [make_callback, PythonGCCallback], ids=["chosen", "python"])


def taken(callback: Callback) -> list[Collected]:
    return [callback.queue.get() for _ in range(callback.queue.qsize())]


@pytest.fixture
def attached() -> Iterator[Callback]:
    """Alone: a callback in Python, as hypothesis has one, runs bytecode, and in it what is pending."""
    made, others = make_callback(SimpleQueue(), SEVEN), gc.callbacks[:]
    gc.callbacks[:] = [made]
    yield made
    gc.callbacks[:] = others


@makers
def test_a_full_collection_is_one_record_and_its_seconds(make: Any) -> None:
    callback = make(SimpleQueue(), SEVEN)
    callback("start", FULL)
    assert callback.begun > 0
    callback("stop", FULL)
    (record,) = taken(callback)
    assert type(record) is Collected and record.counted == 7 and record.clock > 0 and record.cost >= 0
    assert callback.begun == 0 and callback.seconds > 0


@makers
def test_a_young_collection_and_one_of_memwatchs_own_are_none(make: Any) -> None:
    callback = make(SimpleQueue(), SEVEN)
    for phase in ("start", "stop"):
        callback(phase, YOUNG)
    with quiet:
        callback("stop", FULL)
    callback.retired = True
    callback("stop", FULL)
    assert taken(callback) == [] and callback.seconds == 0 and callback.dropped == 0


@makers
def test_what_finds_the_queue_full_is_counted(make: Any) -> None:
    callback = make(SimpleQueue(), SEVEN)
    for _ in range(WAITING + 3):
        callback("stop", FULL)
    assert (len(taken(callback)), callback.dropped) == (WAITING, 3)


@makers
def test_blocks_are_counted_while_that_is_cheap(make: Any) -> None:
    callback = make(SimpleQueue(), SEVEN)
    for cost in (1.0, 0.0):
        callback.blocks_cost = cost
        callback("stop", FULL)
    assert [record.counted for record in taken(callback)] == [None, 7]
    assert callback.blocks_cost < 1.0


@makers
def test_the_queue_can_be_changed(make: Any) -> None:
    callback = make(SimpleQueue(), SEVEN)
    callback.queue = SimpleQueue()
    callback("stop", FULL)
    assert len(taken(callback)) == 1


def test_on_any_is_called_once_in_any_thread(attached: Callback) -> None:
    woken: list[int] = []

    def work() -> None:
        attached.on_any = lambda: woken.append(threading.get_ident())
        gc.collect(0)
        gc.collect(0)

    work()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert woken == [threading.get_ident(), thread.ident] and attached.on_any is None


@native
def test_what_comes_up_in_on_any_reaches_the_program(attached: Callback) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    def work() -> None:
        attached.on_any = interrupt
        try:
            gc.collect(0)
            for _ in range(1000):
                pass
        except KeyboardInterrupt:
            caught.append(threading.get_ident())

    caught: list[int | None] = []
    work()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert caught == [threading.get_ident(), thread.ident]


@native
def test_on_any_without_room_to_work_waits_for_the_next_collection(attached: Callback) -> None:
    calls: list[int] = []

    def wake() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RecursionError

    attached.on_any = wake
    for _ in range(3):
        gc.collect(0)
    assert len(calls) == 2 and attached.on_any is None


@native
def test_no_bytecode_runs_in_it(attached: Callback) -> None:
    calls: list[Any] = []
    sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_name) if event == "call" else None)
    try:
        gc.collect()
        gc.collect(0)
    finally:
        sys.setprofile(None)
    assert calls == [] and len(taken(attached)) == 1


@native
def test_out_of_memory_is_a_record_less_and_no_error() -> None:
    testcapi = pytest.importorskip("_testcapi")
    callback = make_callback(SimpleQueue(), SEVEN)
    unseen = 0
    for allowed in range(40):
        before = callback.queue.qsize() + callback.dropped
        testcapi.set_nomemory(allowed, allowed + 1)
        callback("stop", FULL)
        testcapi.remove_mem_hooks()
        unseen += callback.queue.qsize() + callback.dropped == before
    assert unseen == 0 and callback.dropped >= 3
    assert all(type(record) is Collected and record.counted == 7 for record in taken(callback))


@native
def test_wrong_arguments_are_told() -> None:
    from memwatch.backend._native import GCCallback

    callback: Any = make_callback(SimpleQueue(), SEVEN)
    for wrong in [(), ("stop",), ("stop", 5), (b"stop", FULL), ("stop", FULL, 1)]:
        with pytest.raises(TypeError, match="what the collector says"):
            callback(*wrong)
    for wrong in [
        (SimpleQueue(), {}, lambda: 7, Collected, 1.0),
        (SimpleQueue(), {}, SEVEN, list, 1.0),
        (SimpleQueue(), [], SEVEN, Collected, 1.0),
        (),
    ]:
        with pytest.raises(TypeError):
            GCCallback(*wrong)
    callback("stop", {})
    callback("stop", {"generation": "old"})
    assert taken(callback) == []


@native
def test_a_queue_of_another_kind_is_survived() -> None:
    callback: Any = make_callback(SimpleQueue(), SEVEN)
    callback.queue = None
    callback("stop", FULL)
    assert callback.dropped == 1


def test_no_census_counts_it_or_its_records(attached: Callback) -> None:
    gc.collect()
    counted = count_objects(True, (), None)
    assert not [
        label for label in counted if label.rpartition(".")[2] in ("GCCallback", "Collected", "PythonGCCallback")
    ]
    assert attached.queue.qsize()


@native
def test_no_record_is_an_object_that_the_collector_sees() -> None:
    callback = make_callback(SimpleQueue(), SEVEN)
    callback("stop", FULL)
    (record,) = taken(callback)
    assert not gc.is_tracked(record)


@makers
def test_one_that_refers_to_itself_is_collected(make: Any) -> None:
    class Last:
        def __del__(self) -> None:
            gone.append(1)

    def tie(callback: Callback, last: Last) -> None:
        callback.on_any = lambda: print(callback, last)

    gone: list[int] = []
    tie(make(SimpleQueue(), SEVEN), Last())
    assert gone == []
    gc.collect()
    assert gone == [1]


def test_entries_that_take_each_other_out_while_the_collector_works(attached: Callback) -> None:
    def clears(phase: str, info: dict[str, int]) -> None:
        gc.callbacks.clear()

    gc.callbacks.insert(0, clears)
    gc.collect()
    assert gc.callbacks == [] and taken(attached) == []


def run_alone(program: str) -> str:
    folders = os.pathsep.join([str(Path(memwatch.__file__).parent.parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": folders}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_program_that_ends_with_it_in_place() -> None:
    program = """
import atexit, gc
from _queue import SimpleQueue
from memwatch.backend.meters.gc_callback import make_callback
callback = make_callback(SimpleQueue())
gc.callbacks.append(callback)
callback.on_any = lambda: print("woken")
cycle = [callback]
cycle.append(cycle)
atexit.register(gc.collect, 0)
"""
    assert run_alone(program) == "woken\n"


def test_in_a_subinterpreter() -> None:
    program = """
import sys
try: import _interpreters as interpreters
except ImportError: import _xxsubinterpreters as interpreters
code = '''
import gc
from _queue import SimpleQueue
from memwatch.backend.meters.gc_callback import make_callback
callback, woken = make_callback(SimpleQueue()), []
gc.callbacks.append(callback)
callback.on_any = lambda: woken.append(1)
gc.collect()
assert woken == [1] and callback.queue.qsize() == 1
'''
if sys.version_info >= (3, 13): made = interpreters.create("legacy")
else: made = interpreters.create(isolated=False)
failure = interpreters.exec(made, code) if sys.version_info >= (3, 13) else interpreters.run_string(made, code)
assert failure is None, failure
interpreters.destroy(made)
print("well")
"""
    assert run_alone(program) == "well\n"


def test_quiet_is_known_by_the_thread_where_gevent_gives_numbers_to_greenlets() -> None:
    pytest.importorskip("gevent")
    program = """
import gevent.monkey
gevent.monkey.patch_all()
import gc, gevent
from _queue import SimpleQueue
from memwatch.backend.meters.gc_callback import make_callback
from memwatch.backend.quiet import quiet
callback = make_callback(SimpleQueue())
gc.callbacks.append(callback)
def work():
    with quiet:
        gc.collect()
    print(callback.queue.qsize())
    gc.collect()
    print(callback.queue.qsize())
gevent.spawn(work).join()
"""
    assert run_alone(program) == "0\n1\n"


@pytest.mark.skipif(os.name == "nt", reason="there is no fork")
def test_what_was_parked_for_a_fork_is_called_when_the_fork_is_over() -> None:
    calls: list[bool] = []
    forking = [True]

    def hook(_: int) -> int:
        """As a hook is called: by C code, in the place where the frame below forks."""
        callback.on_any = lambda: calls.append(not forking)
        callback.after_fork(sys._getframe(1))
        sum(number for number in range(10))
        return forking.pop()

    callback = make_callback(SimpleQueue(), SEVEN)
    sorted([1], key=hook)
    for _ in range(5):
        time.sleep(0)  # takes the interpreter's lock anew, for which the call in Python waits
    assert calls == [True] and callback.on_any is None


def test_a_program_that_runs_as_a_whole_inside_a_fork_is_not_waited_for() -> None:
    calls: list[int] = []

    def program(_: int) -> int:
        callback.on_any = lambda: calls.append(1)
        callback.after_fork(sys._getframe(1))
        for _ in range(200_000):
            if calls:
                break
            time.sleep(0)
        return len(calls)

    callback = make_callback(SimpleQueue(), SEVEN)
    sorted([1], key=program)
    assert calls == [1]


@native
def test_only_a_frame_forks() -> None:
    callback: Any = make_callback(SimpleQueue(), SEVEN)
    with pytest.raises(TypeError, match="frame that forks"):
        callback.after_fork(7)
