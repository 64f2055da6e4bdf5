"""What a heap snapshot, dominators and retained sizes cost.

    python benchmarks/snapshot.py [OBJECTS ...]        1,000,000 and 10,000,000 unless given

Each size has a process of its own, with the churned heap of `census.py`. A thread that sleeps a millisecond and works
a little counts its turns before and while the file is written: what a program has left meanwhile. Bytes are divided by
all objects of the heap, folded or not. Beside other load the times are upper bounds.
"""

from __future__ import annotations

import gc
import gzip
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from census import build

import memwatch
from memwatch.backend import _native
from memwatch.backend.census.exact import count_in_child
from memwatch.backend.graph import exact
from memwatch.backend.graph.allocations import tell
from memwatch.backend.graph.contract import Wish
from memwatch.heap.write_snapshot import write

SMALL = 2_000_000  # above it the file is not compressed


class Turns:
    """A thread that takes its turn again and again."""

    def __init__(self) -> None:
        self.count, self._over = 0, False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over:
            time.sleep(0.001)
            sum(range(20_000))
            self.count += 1

    def rate(self, call: Callable[[], object]) -> float:
        """How many turns a second while *call* runs."""
        self.count, begun = 0, time.perf_counter()
        call()
        return self.count / (time.perf_counter() - begun)

    def end(self) -> None:
        self._over = True
        self._thread.join()


def seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def measure(items: int) -> dict[str, float]:
    """The rows of one size."""
    kept = build(items)
    collection = min(seconds(gc.collect) for _ in range(3))
    walk = min(seconds(lambda: count_in_child(True, (), None)) for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        path, turns = Path(folder) / "heap.heapsnapshot", Turns()
        alone = turns.rate(lambda: time.sleep(1.0))
        done = []
        begun = time.perf_counter()
        beside = turns.rate(lambda: done.append(write(path, Wish(True, True, False, tell({}, False)))))
        wall = time.perf_counter() - begun
        turns.end()
        packed = len(gzip.compress(path.read_bytes(), 3)) if items <= SMALL else 0
        whole = write(path, Wish(True, False, False, tell({}, False)))
    written = done[0]
    counted, _ = count_in_child(True, (), None)
    told = exact.retained(20, 0, True)
    exact.retained(20, 0, False)
    objects = written.objects
    rows = {
        "objects": objects,
        "gc.collect(), s": collection,
        "census in a child, s": walk,
        "snapshot: pause, ms": 1000 * written.pause_seconds,
        "snapshot: processor time of the child, s": written.work_seconds,
        "snapshot: from call to file, s": wall,
        "turns of the program's thread a second, before": alone,
        "turns of the program's thread a second, meanwhile": beside,
        "file, folded, B/object": written.length / objects,
        "file, folded, compressed, B/object": packed / objects,
        "file, not folded, B/object": whole.length / objects,
        "memory of the child, B/object": written.peak_bytes / objects,
        "self sizes / census": written.size_bytes / sum(size for _, size in counted.values()),
        "dominators and retained sizes, s": told["work"],
        "dominators and retained sizes / gc.collect()": told["work"] / collection,
        "dominators and retained sizes, memory, B/object": _native.peak_bytes() / objects,
    }
    del kept
    return rows


def main() -> None:
    """Measure each size in a process of its own, and print it."""
    sizes = [int(it) for it in sys.argv[1:]] or [1_000_000, 10_000_000]
    print(f"CPython {sys.version.split()[0]}, memwatch {memwatch.backend.name}, {os.cpu_count()} processors")
    for size in sizes:
        command = [sys.executable, __file__, "--one", str(size)]
        print(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


if __name__ == "__main__":
    if "--one" in sys.argv:
        for name, value in measure(int(sys.argv[-1])).items():
            print(f"{name:52}{value:>14,.0f}" if value >= 1000 else f"{name:52}{value:>14.3g}")
    else:
        main()
