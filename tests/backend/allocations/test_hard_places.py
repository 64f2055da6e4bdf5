"""Where samplers break: extreme intervals, very many paths, subinterpreters, greenlets, signals, no memory."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from memwatch import profile
from memwatch.backend import _native
from memwatch.backend.allocations.sampled import SampledHeap
from memwatch.errors import NotStartedError
from memwatch.frames import NOWHERE

KEPT: list[Any] = []
INTERPRETERS = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Any:
    yield
    profile.stop()
    KEPT.clear()


def fill(count: int, size: int = 500) -> None:
    KEPT.extend([bytes(size - 33) for _ in range(count)])


def make_functions(count: int) -> list[Callable[[int], bytes]]:
    """As many functions, each with code of its own."""

    def allocate(size: int) -> bytes:
        return bytes(size)

    code = allocate.__code__
    return [type(allocate)(code.replace(co_firstlineno=number + 1), globals()) for number in range(count)]


def bytes_allowed() -> float:
    return 0.01 * psutil.Process().memory_info().rss + 2**20


def test_one_byte_in_one_is_everything(start: Any, live: Any) -> None:
    start(1.0)
    fill(3000)
    rows = [row for row in live("fill") if row.size == 500]
    assert len(rows) + _native.sampling_stats()["dropped"] >= 3000 >= len(rows)
    assert all(row.weight == 1 for row in rows)
    KEPT.clear()
    assert not [row for row in live("fill") if row.size == 500]


def test_one_byte_in_a_terabyte_is_nothing(start: Any, live: Any) -> None:
    start(1e12)
    fill(1000, 100_000)
    stats = _native.sampling_stats()
    assert stats["taken"] <= 1 and 0 < stats["expected"] < 0.01 and len(live("fill")) == stats["live"]
    _native.sampling_set_interval(2.0**70)
    fill(1000)
    _native.sampling_set_interval(500.0)
    fill(1000)
    assert len(live("fill")) > 400


def test_a_hundred_thousand_live_paths_in_little_memory(start: Any) -> None:
    start(65536.0)
    for function in make_functions(100_000):
        KEPT.append(function(1000))
    stats = _native.sampling_stats()
    assert stats["taken"] > 1000 < stats["stacks"] and stats["overflow"] == 0 and stats["bytes"] < bytes_allowed()


def test_more_paths_than_there_is_room_for_are_told() -> None:
    many, sampling = make_functions(34_000), SampledHeap()
    sampling.start(16, 4)
    KEPT.extend([function(600) for function in many])
    sampling.change(2**40)  # for what the reading itself allocates
    heap = sampling.read()
    assert any("samples have no path" in note for note in heap.notes)
    nowhere = [live for live in heap.stacks if live.places == (NOWHERE,)]
    assert sum(live.samples for live in nowhere) > 1000 and len(heap.stacks) <= 32768 + len(nowhere)
    assert _native.sampling_stats()["bytes"] < 16_000_000
    sampling.stop()


def test_a_profile_is_read_while_another_thread_stops_it() -> None:
    ends, failures = threading.Event(), []

    def torment() -> None:
        try:
            while not ends.is_set():
                profile.start(sample_interval=512)
                fill(20)
                del KEPT[:20]
                profile.stop()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=torment)
    thread.start()
    read = tried = 0
    while read < 20 and not failures and tried < 100_000:
        tried += 1
        try:
            read += profile.get().source == "sampler"
        except NotStartedError:
            continue
    ends.set()
    thread.join()
    assert failures == [] and read == 20


def test_subinterpreters_that_threads_create(program: Any) -> None:
    """3.11 comes to a stop here under tracemalloc."""
    told = program(
        f"""
        import warnings; warnings.simplefilter("ignore")
        import threading
        import {INTERPRETERS} as interpreters
        from memwatch.backend import _native
        _native.sampling_start(256.0, 64, 65536)
        one_at_a_time = threading.Lock()  # what several do at once breaks some versions by itself
        def work():
            for _ in range(3):
                with one_at_a_time:
                    made = interpreters.create()
                interpreters.run_string(made, "kept = [bytes(600) for _ in range(500)]\\n"
                    "def f():\\n  exec('def g(): return [bytes(600) for _ in range(99)]\\\\nkept = g()', {{}})\\nf()")
                with one_at_a_time:
                    interpreters.destroy(made)
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads: thread.start()
        kept = [bytes(600) for _ in range(1000)]
        _native.sampling_read()
        for thread in threads: thread.join()
        codes = _native.sampling_read()[0]
        print(_native.sampling_stats()["taken"] > 3000, _native.sampling_running(), all(code[0] for code in codes))
        """
    )
    assert told == ["True True True"]


def test_a_reading_is_refused_to_a_subinterpreter(program: Any) -> None:
    told = program(
        f"""
        import warnings; warnings.simplefilter("ignore")
        import {INTERPRETERS} as interpreters
        from memwatch.backend import _native
        _native.sampling_start(256.0, 64, 65536)
        made = interpreters.create()
        interpreters.run_string(made, '''if True:
            from memwatch.backend import _native
            try:
                _native.sampling_read()
            except RuntimeError as error:
                print("main interpreter" in str(error), flush=True)''')
        """
    )
    assert told == ["True"]


@pytest.mark.skipif(importlib.util.find_spec("greenlet") is None, reason="greenlet is not installed")
def test_greenlets_that_switch_and_allocate(start: Any, live: Any) -> None:
    import greenlet

    def first() -> None:
        for _ in range(200):
            KEPT.append(bytes(467))
            other.switch()

    def second() -> None:
        while True:
            KEPT.append(bytes(467))
            main.switch()

    start(64.0)
    main, other = greenlet.getcurrent(), greenlet.greenlet(second)
    first()
    name = "test_greenlets_that_switch_and_allocate.<locals>."
    paths = {tuple(row.functions[:2]) for row in live() if row.size == 500 and row.functions[0].startswith(name)}
    caller = "test_greenlets_that_switch_and_allocate"
    assert paths == {(f"{name}second",), (f"{name}first", caller)}, "a greenlet's path ends where it began"


@pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")
def test_a_program_that_gevent_has_patched(program: Any) -> None:
    told = program(
        """
        from gevent import monkey; monkey.patch_all()
        import gevent, threading
        import memwatch
        from memwatch import profile
        kept = []
        def allocate(count):
            for _ in range(count):
                kept.append(bytes(967))
                gevent.sleep(0)
        profile.start(sample_interval=512)
        gevent.joinall([gevent.spawn(allocate, 100) for _ in range(20)])
        threads = [threading.Thread(target=allocate, args=(100,)) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        found = profile.get()
        profile.stop()
        bytes_of = sum(size * count for node in found.nodes() if node.function == "allocate"
                       for size, count in node.allocations if size == 1000)
        print(found.source, 0.9 < bytes_of / 2_300_000 < 1.1)
        """
    )
    assert told == ["sampler True"]


def test_signals_that_dump_every_thread(program: Any) -> None:
    told = program(
        """
        import faulthandler, os, signal, tempfile, threading
        from memwatch.backend import _native
        file = tempfile.TemporaryFile()
        faulthandler.register(signal.SIGUSR1, file=file, all_threads=True)
        _native.sampling_start(64.0, 64, 20000)
        ends = threading.Event()
        def work():
            while not ends.is_set():
                [bytearray(number) for number in range(700)]
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads: thread.start()
        for _ in range(100):
            os.kill(os.getpid(), signal.SIGUSR1)
            [bytes(600) for _ in range(100)]
        faulthandler.dump_traceback_later(0.05, repeat=True, file=file)
        while os.fstat(file.fileno()).st_size < 30_000:
            [bytes(600) for _ in range(1000)]
        faulthandler.cancel_dump_traceback_later()
        ends.set()
        for thread in threads: thread.join()
        file.seek(0)
        print(b"in work" in file.read(), _native.sampling_stats()["taken"] > 1000)
        """
    )
    assert told == ["True True"]


def run_code(first: int, count: int) -> None:
    for number in range(first, first + count):
        space: dict[str, Any] = {"kept": KEPT}
        exec(f"def f{number}():\n    kept.append([bytes(500) for _ in range(30)])\nf{number}()", space)


@pytest.mark.parametrize("step", ["sample", "read", "objects"])
def test_each_mapping_may_fail_and_later_ones_succeed(start: Any, step: str) -> None:
    """Tables that grow, names, copies, objects found: wherever memory is asked for there is none, once a round."""
    steps: dict[str, Callable[[], Any]] = {
        "sample": lambda: run_code(0, 150),
        "read": _native.sampling_read,
        "objects": lambda: _native.sampling_objects([bytes, list, dict, str]),
    }
    left, failed, failures = 0, True, 0
    while failed or left == 0:
        start(64.0)
        if step != "sample":
            run_code(0, 150)
        _native.sampling_fail_after(failures)
        failed = False
        try:
            steps[step]()
        except MemoryError:
            failed = True
            assert step != "sample", "a program is never told"
        left = _native.sampling_fail_after(-1)
        run_code(200, 10)
        assert _native.sampling_stats()["live"] > 0 < len(_native.sampling_read()[0])
        assert _native.sampling_objects([bytes])
        KEPT.clear()
        _native.sampling_stop()
        failures += 1
    assert failures > 3
