"""One program or tight loop under several watchers in turn; `sampler.py` runs this below callgrind.

    python benchmarks/sampling.py PROGRAM REPETITIONS ROUNDS COUNTER WATCHER...

WATCHER is none, memwatch:INTERVAL, native:INTERVAL (the same with what libraries take from malloc), ddtrace:INTERVAL,
pyroscope:INTERVAL, tracemalloc:FRAMES, memray, or hook (functions before the allocators that do nothing). In each
repetition they come in another order, and each does ROUNDS rounds that count, after some to warm up: the names of code
are copied when it is sampled first. COUNTER is the library made of counting.c, which has callgrind tell the
instructions of each part, and of hook.c. Prints one JSON object: by watcher the samples taken and expected while it
counted.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sampled_programs import REAL, Round
from tight_loops import TIGHT

POOL = 16384
"""Bytes of a pool of Python's allocator."""

Told = tuple[int, float]
"""Samples taken and expected; (0, 0.0) where that is not known."""

Ask = Callable[[], Told]


def know_nothing() -> Told:
    return 0, 0.0


def ask_sampler() -> Told:
    from memwatch.backend import _native

    stats = _native.sampling_stats()
    return stats["taken"], stats["expected"]


@contextlib.contextmanager
def watch_none(_: str) -> Iterator[Ask]:
    yield know_nothing


@contextlib.contextmanager
def watch_memwatch(interval: str) -> Iterator[Ask]:
    from memwatch.backend import _native

    _native.sampling_start(float(interval), 64, 65536)
    yield ask_sampler
    _native.sampling_stop()


@contextlib.contextmanager
def watch_native(interval: str) -> Iterator[Ask]:
    from memwatch import profile

    profile.start(sample_interval=int(interval), native=True)  # type: ignore[call-arg]
    yield ask_sampler
    profile.stop()


@contextlib.contextmanager
def watch_hook(_: str) -> Iterator[Ask]:
    library = ctypes.PyDLL(sys.argv[4])
    library.put_hooks()
    yield know_nothing
    library.take_hooks()


@contextlib.contextmanager
def watch_ddtrace(interval: str) -> Iterator[Ask]:
    """Its collector alone: nothing is sent anywhere."""
    from ddtrace.profiling.collector import _memalloc  # type: ignore[import-not-found]

    _memalloc.start(64, int(interval), False)  # the last: not the allocations that are no objects, as it is by default
    yield know_nothing
    _memalloc.stop()


@contextlib.contextmanager
def watch_pyroscope(interval: str) -> Iterator[Ask]:
    """pyroscope-io's memory profiler without its others; nothing is sent while it counts."""
    import pyroscope  # type: ignore[import-not-found]

    pyroscope.configure(
        application_name="bench",
        server_address="http://127.0.0.1:1",
        cpu_enabled=False,
        mem_enabled=True,
        mem_heap_sample_size=int(interval),
        upload_interval=3600,
    )
    yield know_nothing
    pyroscope.shutdown()


@contextlib.contextmanager
def watch_tracemalloc(frames: str) -> Iterator[Ask]:
    import tracemalloc

    tracemalloc.start(int(frames))
    yield know_nothing
    tracemalloc.stop()


@contextlib.contextmanager
def watch_memray(_: str) -> Iterator[Ask]:
    """Into a file in memory, where the system has such a place."""
    import memray  # type: ignore[import-not-found]

    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder, memray.Tracker(f"{folder}/allocations.bin"):
        yield know_nothing


WATCHERS = {
    "none": watch_none,
    "memwatch": watch_memwatch,
    "native": watch_native,
    "hook": watch_hook,
    "ddtrace": watch_ddtrace,
    "pyroscope": watch_pyroscope,
    "tracemalloc": watch_tracemalloc,
    "memray": watch_memray,
}


def work_for(work: Round, rounds: int) -> None:
    for _ in range(rounds):
        work()


def measure(
    work: Round, rounds: int, watcher: str, label: str, counter: ctypes.CDLL, kept: list[list[list[object]]]
) -> Told:
    """Samples taken and expected of one part, whose instructions go by the name of *label*; *kept* is added to.

    There are no collections while it counts: when they come depends on everything.
    """
    kind, _, amount = watcher.partition(":")
    with WATCHERS[kind](amount) as ask:
        work_for(work, 1 + rounds // 4)
        gc.collect()
        kept.append(level())
        taken, expected = ask()
        counter.begin_part()
        work_for(work, rounds)
        counter.end_part(label.encode())
        taken_later, expected_later = ask()
    return taken_later - taken, expected_later - expected


def level() -> list[list[object]]:
    """Blocks of all sizes, to be held, of which a third was given back, so that the next ones come from pools that are
    neither full nor empty: a loop that takes the last block of a pool each time costs up to a tenth more, and by chance
    that would befall one watcher alone.
    """
    held: list[list[object]] = [[bytes(size - 33) for _ in range(2 * POOL // size)] for size in range(48, 513, 16)]
    held.append([number + 1000 for number in range(2 * POOL // 32)])
    held.append([number + 0.5 for number in range(2 * POOL // 32)])
    for blocks in held:
        del blocks[::3]
    return held


def main(program: str, repetitions: int, rounds: int, library: str, watchers: list[str]) -> None:
    """Measure them all and print what they told, after a long turn of each that is not counted: some get ready for long
    when they take their first sample.
    """
    from memwatch.backend import _native  # noqa: F401  # loaded for all: what a process holds decides how blocks lie

    work = (REAL | TIGHT)[program]()
    counter = ctypes.CDLL(library)
    told: dict[str, Told] = dict.fromkeys(watchers, know_nothing())
    kept: list[list[list[object]]] = []
    chance = random.Random(2026)
    gc.disable()
    for watcher in watchers:
        measure(work, 10 * rounds, watcher, "first", counter, kept)
    counter.start_counting()
    for _ in range(repetitions):
        for watcher in chance.sample(watchers, len(watchers)):
            taken, expected = measure(work, rounds, watcher, watcher, counter, kept)
            told[watcher] = told[watcher][0] + taken, told[watcher][1] + expected
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:])
