"""Starting, stopping and ending, beside whatever else replaces allocators, forks, runs out of memory or exits."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memwatch.backend import _native

KEPT: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    KEPT.clear()
    tracemalloc.stop()


def fill(count: int) -> None:
    KEPT.extend([bytes(500) for _ in range(count)])


def traced() -> int:
    """Bytes that tracemalloc sees of some blocks."""
    before = tracemalloc.get_traced_memory()[0]
    fill(1000)
    return tracemalloc.get_traced_memory()[0] - before


def test_stopping_forgets_everything_and_gives_memory_back(start: Any, live: Any) -> None:
    start()
    _native.sampling_stop()
    least = _native.sampling_stats()["bytes"]
    for _ in range(3):
        start()
        fill(1000)
        assert len(live("fill")) > 100
        _native.sampling_stop()
        assert _native.sampling_stats() | {"taken": 0, "expected": 0.0, "interval": 0.0} == {
            "taken": 0, "expected": 0.0, "dropped": 0, "live": 0, "stacks": 0, "overflow": 0, "bytes": least,
            "interval": 0.0, "mode": "promotion",
        }  # fmt: skip
        assert live() == []


def test_starting_twice_is_refused_and_it_goes_on(start: Any, live: Any) -> None:
    start()
    with pytest.raises(RuntimeError, match="started already"):
        start()
    fill(100)
    assert live("fill")


@pytest.mark.parametrize("given", [(0.5, 8, 100), (float("nan"), 8, 100), (1.0, 0, 100), (1.0, 257, 100), (1.0, 8, 1)])
def test_senseless_options_are_refused(start: Any, given: tuple[float, int, int]) -> None:
    with pytest.raises(ValueError, match="interval must be at least 1, depth 1 to 256"):
        start(*given)
    with pytest.raises(ValueError, match="1 byte"):
        _native.sampling_set_interval(0.0)


def test_blocks_of_before_may_be_freed_while_and_after_it_samples(start: Any, live: Any) -> None:
    fill(1000)
    start(64.0)
    KEPT.clear()
    fill(1000)
    _native.sampling_stop()
    KEPT.clear()
    fill(1000)
    start(64.0)
    assert live("fill") == []


class TestBesideTracemalloc:
    def test_that_was_started_before(self, start: Any, live: Any) -> None:
        tracemalloc.start(1)
        start()
        assert traced() > 500_000 and len(live("fill")) > 300 and _native.sampling_running()
        _native.sampling_stop()
        assert traced() > 500_000

    def test_that_is_started_after_and_stopped_before(self, start: Any, live: Any) -> None:
        start()
        tracemalloc.start(1)
        assert traced() > 500_000
        tracemalloc.stop()
        KEPT.clear()
        fill(1000)
        assert len(live("fill")) > 300 and _native.sampling_running()

    def test_that_is_started_after_and_stopped_after(self, start: Any, live: Any) -> None:
        start()
        tracemalloc.start(1)
        _native.sampling_stop()
        assert traced() > 500_000
        KEPT.clear()
        start()
        assert traced() > 500_000 and len(live("fill")) > 300
        _native.sampling_stop()
        tracemalloc.stop()
        fill(1000)
        start()
        fill(1000)
        assert len(live("fill")) > 300

    def test_that_is_stopped_below_us_is_noticed(self, start: Any, live: Any) -> None:
        tracemalloc.start(1)
        start()
        tracemalloc.stop()
        assert not _native.sampling_running()
        _native.sampling_stop()
        start()
        fill(1000)
        assert _native.sampling_running() and len(live("fill")) > 300

    def test_many_times_in_any_order(self, start: Any, live: Any) -> None:
        for number in range(60):
            ours, theirs = number % 3, number % 4
            start() if ours == 0 else None
            tracemalloc.start(1) if theirs < 2 else tracemalloc.stop()
            fill(10)
            _native.sampling_stop() if ours == 2 else None
        _native.sampling_stop()
        tracemalloc.stop()
        start()
        fill(1000)
        assert len(live("fill")) > 300


MODES = ["malloc", "debug", "malloc_debug", "pymalloc", "pymalloc_debug"]
MODES += ["mimalloc", "mimalloc_debug"] if sysconfig.get_config_var("WITH_MIMALLOC") else []


@pytest.mark.parametrize("mode", MODES)
def test_a_sample_has_the_address_and_the_size_that_were_asked_for(program: Any, mode: str) -> None:
    told = program(
        """
        import time
        from memwatch.backend.allocations.recorded import read_recorded
        from memwatch.backend.allocations.recorder import Recorder
        recorder, begun = Recorder(1), time.monotonic_ns()
        recorder.start()
        kept = [bytes(size) for size in (100, 481, 600, 4000, 600_000) for _ in range(50)]
        samples = read_recorded(recorder, begun, time.monotonic_ns())[0]
        mine = [sample for sample in samples if sample.places[0].line == 7]
        sizes = {sample.address: round(sample.size_bytes / sample.count) for sample in mine if sample.label == "bytes"}
        print({0 <= sizes[id(text)] - text.__sizeof__() < 32 for text in kept})  # what the allocator adds
        print(0.99 < sum(sizes.values()) / sum(sample.size_bytes for sample in mine) < 1.01)
        recorder.stop()
        """,
        PYTHONMALLOC=mode,
    )
    assert told == ["{True}", "True"]


@pytest.mark.parametrize("mode", MODES)
def test_any_allocator(program: Any, mode: str) -> None:
    told = program(
        """
        from memwatch.backend import _native
        _native.sampling_start(512.0, 64, 65536)
        for size in (100, 500, 4000):
            kept = [bytearray(size) for _ in range(3000)]
            live = _native.sampling_stats()["live"]
            for block in kept:
                block.extend(bytes(size // 2))
            more = _native.sampling_stats()["live"]
            del kept, block
            print(live > 300, more > 300, _native.sampling_stats()["live"] < 40)
        def append():
            text, taken = "x" * 600_000, _native.sampling_stats()["taken"]
            for _ in range(3000):
                text += "y"
            return _native.sampling_stats()["taken"] - taken
        print(_native.sampling_stats()["mode"], append() < 500)
        _native.sampling_stop()
        """,
        PYTHONMALLOC=mode,
    )
    in_place = mode in ("malloc", "pymalloc") and "asan" not in os.environ.get("LD_PRELOAD", "")
    assert told == ["True True True"] * 3 + [f"{'promotion' if mode == 'pymalloc' else 'filter'} {in_place}"]


def test_a_subinterpreter_is_refused_and_may_allocate(program: Any) -> None:
    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    told = program(
        f"""
        import warnings; warnings.simplefilter("ignore")
        import {name} as interpreters
        from memwatch.backend import _native
        code = '''
        from memwatch.backend import _native
        for refused in (lambda: _native.sampling_start(512.0, 8, 100), _native.sampling_stop):
            try:
                refused()
            except RuntimeError as error:
                print("main interpreter" in str(error), flush=True)
        kept = [bytes(600) for _ in range(3000)]
        '''
        import textwrap
        _native.sampling_start(512.0, 64, 65536)
        made = interpreters.create()
        interpreters.run_string(made, textwrap.dedent(code))
        held = _native.sampling_stats()["live"]
        interpreters.destroy(made)
        print(held > 1000, _native.sampling_stats()["live"] < held - 1000, _native.sampling_running())
        """
    )
    assert told == ["True", "True", "True True True"]


def test_a_forked_child_has_the_samples_and_takes_its_own(program: Any) -> None:
    told = program(
        """
        import os
        from memwatch.backend import _native
        _native.sampling_start(512.0, 64, 65536)
        kept = [bytes(500) for _ in range(1000)]
        before = _native.sampling_stats()["live"]
        if os.fork() == 0:
            more = [bytes(500) for _ in range(1000)]
            live = _native.sampling_stats()["live"]
            del kept
            print(before > 400, live > before + 400, _native.sampling_stats()["live"] < live - 400, flush=True)
            _native.sampling_stop()
            os._exit(0)
        os.wait()
        print(abs(_native.sampling_stats()["live"] - before) < 50)
        """
    )
    assert told == ["True True True", "True"]


def test_threads_and_exit_functions_go_on_to_the_end(program: Any) -> None:
    code = """
        import atexit, threading
        from memwatch.backend import _native
        def work():
            while True:
                [bytearray(number) for number in range(1500)]
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        class Late:
            def __del__(self):
                [bytes(600) for _ in range(1000)]
        late = [Late()]
        late.append(late)
        atexit.register(lambda: [bytes(600) for _ in range(1000)])
        _native.sampling_start(256.0, 64, 65536)
        print("done")
        """
    for _ in range(3):
        assert program(code) == ["done"]


def test_native_threads_without_a_thread_state(program: Any) -> None:
    told = program(
        """
        import ctypes, threading
        from memwatch.backend import _native
        raw = ctypes.CDLL(None)
        allocate, free = raw.PyMem_RawMalloc, raw.PyMem_RawFree
        allocate.restype, allocate.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
        _native.sampling_start(512.0, 64, 65536)
        held = []
        def work():
            for _ in range(2000):
                held.append(allocate(1000))
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        live = _native.sampling_stats()["live"]
        for block in held: free(block)
        print(live > 5000, _native.sampling_stats()["live"] < 1500)
        create = ctypes.CDLL("libpthread.so.0").pthread_create
        join = ctypes.CDLL("libpthread.so.0").pthread_join
        join.argtypes = [ctypes.c_ulong, ctypes.c_void_p]
        numbers = (ctypes.c_ulong * 8)()
        function = ctypes.cast(allocate, ctypes.c_void_p)
        for place in range(8):
            create(ctypes.byref(numbers, 8 * place), None, function, ctypes.c_void_p(3_000_000))
        for number in numbers:
            join(number, None)
        codes, *_, sizes, births, intervals, threads, stacks, _, _, now = _native.sampling_read()
        from array import array
        found = [n for n, size in enumerate(array("Q", sizes)) if size == 3_000_000]
        dropped = _native.sampling_stats()["dropped"]  # of two that come at once one does not wait
        print(len(found) <= 8 <= len(found) + dropped)
        """
    )
    assert told == ["True True", "True"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer ends a crash in its own way")
def test_a_dump_of_the_traceback_in_the_middle_of_a_crash(program: Any) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import faulthandler, ctypes\nfrom memwatch.backend import _native\nfaulthandler.enable()\n"
            "_native.sampling_start(64.0, 64, 65536)\nkept = [bytes(600) for _ in range(1000)]\nctypes.string_at(0)",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -11 and "Segmentation fault" in done.stderr and "string_at" in done.stderr


def test_out_of_memory_at_every_mapping(live: Any) -> None:
    failures = 0
    while True:
        _native.sampling_fail_after(failures)
        try:
            _native.sampling_start(64.0, 64, 65536)
        except MemoryError:
            assert _native.sampling_fail_after(-1) == 0 and not _native.sampling_running()
            failures += 1
        else:
            break
    assert failures >= 5
    _native.sampling_stop()
    for allowed in range(25):
        _native.sampling_fail_after(-1)
        _native.sampling_start(64.0, 64, 65536)
        _native.sampling_fail_after(allowed)
        run_code(60)
        with_all = _native.sampling_stats()
        try:
            read = len(live())
        except MemoryError:
            read = 0
        KEPT.clear()
        _native.sampling_stop()
        assert with_all["live"] <= with_all["taken"] and read <= with_all["taken"] + 5000


def run_code(count: int) -> None:
    for number in range(count):
        space: dict[str, Any] = {"kept": KEPT}
        exec(f"def f{number}():\n    kept.append([bytes(500) for _ in range(30)])\nf{number}()", space)


def test_a_reading_while_other_threads_start_and_stop() -> None:
    failures: list[BaseException] = []
    ends = threading.Event()

    def torment() -> None:
        try:
            while not ends.is_set():
                try:
                    _native.sampling_start(256.0, 64, 2000)
                except RuntimeError:
                    _native.sampling_stop()
                _native.sampling_read()
                fill(50)
                del KEPT[:40]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=torment) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        _native.sampling_read()
        fill(50)
        del KEPT[:50]
    ends.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_it_needs_little_memory(start: Any) -> None:
    start(65536.0)
    KEPT.extend([bytes(100) for _ in range(700_000)])
    assert _native.sampling_stats()["bytes"] < 1_000_000 + 0.01 * 90_000_000


def storm(seconds: float) -> list[str]:
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("storm.py")), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def check_storm(seconds: float) -> None:
    failures, taken, last, left, live, stacks = storm(seconds)
    assert (failures, taken, last, live, stacks) == ("0", "True", "True", "0", "0")
    assert int(left) <= 3, "a free list may keep a block for its next owner"


def test_a_short_storm() -> None:
    check_storm(3)


@pytest.mark.slow
def test_a_long_storm() -> None:
    check_storm(20)
