"""A program that does to native sampling what programs do: run as `native_storm.py SECONDS LIBRARY`.

Three threads take, resize and give back memory in the C library and in sqlite, one loads and unloads a library, while
the main thread begins and ends native sampling, or all sampling, reads in between, and forks. It prints what is left.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import random
import shutil
import signal
import sqlite3
import sys
import threading
import time

from native_library import TAKERS, load

from memwatch.backend import _native

stopping = threading.Event()
failures: list[BaseException] = []


def work(seed: int, path: str) -> None:
    try:
        chance, library, kept = random.Random(seed), load(path), []
        while not stopping.is_set():
            for _ in range(50):
                kept.append(getattr(library, chance.choice(TAKERS))(64 * chance.randrange(1, 100)))
            kept.append(library.resize(kept.pop(), chance.randrange(1, 9000)))
            database = sqlite3.connect(":memory:")
            database.execute("create table t (a)")
            database.execute("insert into t values (?)", ("x" * chance.randrange(9000),))
            database.close()
            while len(kept) > 200:
                library.give(kept.pop(chance.randrange(len(kept))))
        for block in kept:
            library.give(block)
    except BaseException as error:
        failures.append(error)
        raise


def load_and_unload(path: str) -> None:
    copy = f"{path}.copy.so"
    shutil.copy(path, copy)
    unload = ctypes.CDLL(None).dlclose
    unload.argtypes = [ctypes.c_void_p]
    while not stopping.is_set():
        library = load(copy)
        library.give(library.take(1000))
        unload(library._handle)
        time.sleep(0.002)


def fork() -> None:
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # one that hangs is a failure
        _native.sampling_follow()
        _native.sampling_read()
        _native.sampling_stop()
        os._exit(int(any(slot[4] for slot in _native.sampling_native_slots())))
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        failures.append(RuntimeError("a child has failed"))


def torment(seconds: float) -> int:
    """How many samples were taken."""
    taken, end, cycle = 0, time.monotonic() + seconds, 0
    while time.monotonic() < end:
        _native.sampling_start(float(512 << cycle % 5), 16, 20000)
        for _ in range(3):
            _native.sampling_native(True)
            time.sleep(0.01)
            _native.sampling_follow()
            _native.sampling_read()
            _native.sampling_native(False) if cycle % 2 else None
        if cycle % 5 == 0:
            fork()
        taken += _native.sampling_stats()["taken"]
        _native.sampling_stop()
        cycle += 1
    return taken


def main(seconds: float, path: str) -> None:
    faulthandler.dump_traceback_later(seconds + 80, exit=True)
    threads = [threading.Thread(target=work, args=(seed, path)) for seed in range(3)]
    threads.append(threading.Thread(target=load_and_unload, args=(path,)))
    for thread in threads:
        thread.start()
    try:
        taken = torment(seconds)
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    left = sum(slot[4] for slot in _native.sampling_native_slots())
    print(len(failures), taken > 100 * seconds, left, _native.sampling_native_stats()["live"], flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2])
