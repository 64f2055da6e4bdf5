"""A program that does to the sampler what programs do to each other: run as `storm.py SECONDS`, prints what is left.

Four threads and an asyncio thread allocate, resize, run code that is made and thrown away, suspend generators and
force collections, while the main thread starts and stops sampling ten times a second with intervals from 512 bytes to
64 KiB, reads in between, and forks. At the end everything is let go with sampling on: then no sample may be left but
of what the interpreter itself keeps.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from memwatch.backend import _native

stopping = threading.Event()
failures: list[BaseException] = []


def suspended(number: int) -> Iterator[list[int]]:
    for value in range(number):
        yield [value] * value


def work(seed: int) -> None:
    chance = random.Random(seed)
    kept: list[Any] = []
    while not stopping.is_set():
        kind = chance.randrange(6)
        if kind == 0:
            kept.append([bytes(chance.randrange(2000)) for _ in range(50)])
        elif kind == 1:
            grown = bytearray()
            for _ in range(60):
                grown += bytes(chance.randrange(100))
            kept.append(grown)
        elif kind == 2:
            space: dict[str, Any] = {}
            source = f"def f{chance.randrange(9)}(n):\n    return [str(i) for i in range(n)]\nmade = [1.5]"
            exec("\n" * chance.randrange(50) + source, space)
            kept.append([value(20) for name, value in space.items() if name.startswith("f")])
        elif kind == 3:
            generator = suspended(30)
            kept.append((next(generator), next(generator), generator))
        elif kind == 4:
            kept.append({str(i): i for i in range(chance.randrange(200))})
        else:
            gc.collect(chance.randrange(2))
        if len(kept) > 100:
            del kept[: chance.randrange(100)]


async def tasks() -> None:
    async def one(depth: int) -> list[bytes]:
        await asyncio.sleep(0)
        return [bytes(100)] * depth if not depth else await one(depth - 1)

    while not stopping.is_set():
        await asyncio.gather(*(one(depth) for depth in range(20)))


def guarded(function: Any, *given: Any) -> None:
    try:
        function(*given)
    except BaseException as error:
        failures.append(error)
        raise


def fork() -> None:
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # one that hangs is a failure
        kept = [bytes(200) for _ in range(1000)]
        _native.sampling_read()
        _native.sampling_stop()
        os._exit(0 if kept else 1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        failures.append(RuntimeError("a child has failed"))


def torment(seconds: float) -> int:
    """Start, read, fork and stop; how many samples were taken."""
    chance, taken, end, cycle = random.Random(1), 0, time.monotonic() + seconds, 0
    while time.monotonic() < end:
        _native.sampling_start(float(512 << chance.randrange(8)), chance.choice((1, 16, 128)), 20000)
        time.sleep(0.03)
        _native.sampling_read()
        _native.sampling_set_interval(4096.0)
        time.sleep(0.03)
        if cycle % 10 == 0:
            fork()
        taken += _native.sampling_stats()["taken"]
        _native.sampling_stop()
        cycle += 1
    return taken


def main(seconds: float) -> None:
    faulthandler.dump_traceback_later(seconds + 80, exit=True)
    threads = [threading.Thread(target=guarded, args=(work, seed)) for seed in range(4)]
    threads.append(threading.Thread(target=guarded, args=(asyncio.run, tasks())))
    for thread in threads:
        thread.start()
    taken = torment(seconds)
    _native.sampling_start(512.0, 64, 65536)
    time.sleep(0.1)
    stopping.set()
    for thread in threads:
        thread.join()
    del threads, thread
    gc.collect()
    stats = _native.sampling_stats()
    left = sum(1 for _ in live_of_work())
    _native.sampling_stop()
    empty = _native.sampling_stats()
    print(len(failures), taken > 100 * seconds, stats["taken"] > 0, left, empty["live"], empty["stacks"], flush=True)


def live_of_work() -> Iterator[int]:
    """The samples that functions of this file have allocated in the threads, and that are still live."""
    from array import array

    codes, places, steps, ends, *_, stacks, _, _, _ = _native.sampling_read()
    kinds, path, limits = array("I", places), array("I", steps), array("I", ends)
    for stack in array("I", stacks):
        start = limits[stack - 2] & 0x7FFFFFFF if stack > 1 else 0
        names = {codes[kinds[3 * step]][0] for step in path[start : limits[stack - 1] & 0x7FFFFFFF]}
        if names & {"work", "suspended", "tasks"}:
            yield stack


if __name__ == "__main__":
    main(float(sys.argv[1]))
