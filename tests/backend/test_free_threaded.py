"""Free-threaded Python: memwatch looks while all threads stand still, and nothing that runs beside it is disturbed.

Skipped on a Python with a GIL: green there is no proof of any of this.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

import memwatch
from memwatch import backend, profile, retain
from memwatch.backend import stopped
from memwatch.backend.census import referents
from memwatch.backend.census.contract import Cancelled
from memwatch.backend.meters.meters import Meters, count_blocks
from memwatch.backend.process import current_frames
from memwatch.backend.stopped import StoppedFrame, extension
from memwatch.heap import take_snapshot
from memwatch.retain import references, walk

count_stopped = getattr(extension(), "count_stopped", None)
with_extension = pytest.mark.skipif(extension() is None, reason="the C extension is not there: NOT TESTED")
pytestmark = pytest.mark.skipif(not backend.FREE_THREADED, reason="this Python has a GIL: NOT TESTED here")

STRESS = 16
MIB = 1 << 20


class Order:
    """Its instances are easy to find."""

    def __init__(self) -> None:
        self.items = [self]


@contextmanager
def threads(work: Callable[[], object], count: int = 4) -> Iterator[list[str]]:
    """*count* threads that call *work* all the time; what went wrong there."""
    going, errors = [True], list[str]()

    def run() -> None:
        try:
            while going:
                work()
        except BaseException as error:
            errors.append(repr(error))

    started = [threading.Thread(target=run) for _ in range(count)]
    for thread in started:
        thread.start()
    try:
        yield errors
    finally:
        going.clear()
        for thread in started:
            thread.join()


def churn() -> None:
    """Tuples made from iterators, cycles, dicts that grow and shrink, exceptions, and classes."""
    tuple(number * 2 for number in range(500))
    [Order() for _ in range(50)]
    names = {str(number): (number, [number]) for number in range(100)}
    names.clear()
    try:
        raise ValueError(names)
    except ValueError as error:
        names["error"] = (0, [len(str(error))])
    type("Made", (Order,), {})()


def end_of(chain: list[Any]) -> list[Any]:
    while chain:
        chain = chain[0]
    return chain


def in_new_process(code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return ran.stdout.strip()


def test_watching_leaves_the_gil_switched_off() -> None:
    code = "import sys, memwatch; memwatch.start(); print(memwatch.backend.samples, sys._is_gil_enabled())"
    assert in_new_process(code) == f"{backend.samples} False"


def test_a_heap_is_compared_beside_threads_that_change_it() -> None:
    with threads(churn) as errors, memwatch.HeapDiff() as heap_diff:
        kept = [bytearray(10) for _ in range(3000)]
    rows = {row.what: row.size_bytes for row in heap_diff.diff.change.details}
    assert errors == []
    assert len(kept) == 3000
    assert rows["bytearray"] >= 3000 * sys.getsizeof(kept[0])


def test_a_variable_of_another_thread_is_named_as_the_holder() -> None:
    ready, end = threading.Event(), threading.Event()

    def waits() -> None:
        basket = [Order()]
        ready.set()
        end.wait()
        basket.clear()

    thread = threading.Thread(target=waits)
    thread.start()
    ready.wait()
    try:
        with threads(churn):
            (path,) = memwatch.retaining_paths(type=f"{__name__}.Order", limit=1) or (None,)
    finally:
        end.set()
        thread.join()
    assert path is not None


def test_the_frames_of_all_threads_are_taken_with_their_variables() -> None:
    ready, end = threading.Event(), threading.Event()

    def waits(number: int) -> None:
        doubled = 2 * number
        ready.set()
        end.wait()
        assert doubled and (lambda: number)

    thread = threading.Thread(target=waits, args=(21,))
    thread.start()
    ready.wait()
    try:
        frame = current_frames(variables=True)[thread.ident or 0]
        while frame.f_code is not waits.__code__:
            assert isinstance(frame, StoppedFrame) and frame.f_back is not None
            frame = frame.f_back
        assert frame.f_locals["doubled"] == 42
        assert frame.f_locals["number"] == 21  # which lies in a cell
        assert frame.f_locals["end"] is end
    finally:
        end.set()
        thread.join()


def test_a_look_holds_nothing_when_it_is_over() -> None:
    kept = Order()
    before = sys.getrefcount(kept)
    with threads(churn):
        retain.find_path(kept)
        current_frames(variables=True)
    assert sys.getrefcount(kept) == before


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which questions have stopped all threads."""
    asked: list[str] = []

    def counted(name: str, ask: Callable[..., object]) -> Callable[..., object]:
        return lambda *objects: (asked.append(name), ask(*objects))[1]

    taken = extension()
    monkeypatch.setattr(taken, "stopped_referents", counted("of many", taken.stopped_referents))
    for module in (referents, references, walk):
        monkeypatch.setattr(module, "shown_by", counted("of one", gc.get_referents))
    return asked


@with_extension
def test_garbage_costs_no_more_stops_than_it_is_deep(stops: list[str]) -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(3000):
            Order()
        assert retain.find_path(Order()) is not None
    finally:
        gc.enable()
    assert len(stops) < 1000


@with_extension
def test_a_search_is_asked_to_give_up_before_each_stop(stops: list[str]) -> None:
    chain: list[object] = []
    for _ in range(3000):
        chain = [chain]
    asked: list[None] = []
    path = retain.find_path(end_of(chain), should_cancel=lambda: asked.append(None) is not None)
    assert path is not None  # written apart: `assert` keeps what it was given in a variable
    assert len(asked) >= stops.count("of many") > 2900


@with_extension
def test_a_look_beside_other_threads_ends_although_the_caller_sets_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopped, "_LONGEST", -1.0)
    with threads(churn, 1):
        with pytest.raises(Cancelled, match="gave up looking for holders"):
            retain.find_path(Order())
        with pytest.raises(Cancelled, match="gave up while walking the heap"):
            memwatch.HeapDiff()
    assert retain.find_path(Order()) is not None
    memwatch.HeapDiff().end()


@with_extension
def test_how_long_threads_stand_for_a_count_is_no_longer_than_the_count() -> None:
    for number in (0, 1, 4):
        with threads(churn, number):
            begun = time.perf_counter()
            blocks, size, stood = count_stopped()
            assert 0 < stood <= time.perf_counter() - begun
            assert 0 < blocks < size


@with_extension
def test_blocks_count_with_their_bytes_and_none_that_another_thread_has_freed() -> None:
    gc.collect()
    blocks, size = count_blocks()
    kept: list[object] = []

    def allocate() -> None:
        kept.extend([bytes(967) for _ in range(20_000)])
        kept.append(bytearray(50 * MIB))

    thread = threading.Thread(target=allocate)
    thread.start()
    thread.join()  # what it has made lies in no thread's pages now
    made, made_bytes = count_blocks()
    assert made - blocks == pytest.approx(20_000, abs=500)
    assert made_bytes - size == pytest.approx(20_000 * 1024 + 50 * MIB, rel=0.1)
    assert abs(made - sys.getallocatedblocks()) < 500
    kept.clear()
    assert count_blocks()[0] == pytest.approx(blocks, abs=500)
    assert count_blocks()[1] == pytest.approx(size, abs=MIB)


@with_extension
def test_a_walk_of_memwatchs_own_leaves_base_where_it_was() -> None:
    meters = Meters()
    take_snapshot()
    before = meters.read(force=True).base
    for _ in range(3):
        take_snapshot()
    assert abs(meters.read(force=True).base - before) < MIB
    assert meters.names == ("arenas", "native", "rss")


@pytest.mark.skipif(not backend.samples, reason="the C extension is not in use: NO SAMPLER")
def test_the_line_of_each_thread_is_sampled() -> None:
    kept: list[list[bytes]] = []

    def allocate() -> None:
        kept.append([bytes(1000) for _ in range(4000)])

    with profile.sampling(sample_interval=4096), threads(churn, 2):
        workers = [threading.Thread(target=allocate) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        taken = profile.get()
    nodes = [node for node in taken.nodes() if node.function.endswith("allocate")]
    assert taken.source == "sampler"
    assert sum(node.self_bytes for node in nodes) == pytest.approx(4 * 4000 * 1033, rel=0.1)
    assert {node.line for node in nodes} == {allocate.__code__.co_firstlineno + 1}


@pytest.mark.slow
def test_many_threads_are_not_disturbed_by_looks_and_by_a_sampler_that_starts_and_stops() -> None:
    with threads(churn, STRESS) as errors:
        for _ in range(3):
            with profile.sampling(sample_interval=2048):
                with memwatch.HeapDiff():
                    pass
                with suppress(Cancelled):  # on a busy machine
                    retain.find_path(Order())
                memwatch.gc()
                profile.get()
    assert errors == []
