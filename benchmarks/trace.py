"""What a mark costs: while a trace runs and while none does, in a small process and beside a large heap.

    python benchmarks/trace.py [--gigabytes GIGABYTES]

Each row is the median of many timed loops. The loops of all rows take turns, so that whatever else the machine does
falls on all of them; an empty loop is among them and subtracted. Each process is fresh. A mark that stands alone is
timed after a pause in which the meters could rest, which matters beside a large heap.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

REPEATS = 41
LOOPS = 500
ALONE = 31
PAUSE = 0.02

kept: list[tuple[object, int]] = []


def fill(gigabytes: float) -> None:
    """Hold so much memory, half of it in small objects and half in objects that the C allocator made."""
    while sum(size for _, size in kept) < gigabytes * 2**30:
        kept.append(([[number] for number in range(50_000)], 50_000 * 96))
        kept.append(([bytes(1000 + number % 500) for number in range(4_000)], 4_000 * 1280))


def time_loop(do: Callable[[], object]) -> float:
    """Seconds a call, over one loop."""
    begun = time.perf_counter()
    for _ in range(LOOPS):
        do()
    return (time.perf_counter() - begun) / LOOPS


def take_turns(rows: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median seconds a call of each row, without those of the row "empty"."""
    found: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(REPEATS):
        for name, do in rows.items():
            found[name].append(time_loop(do))
    medians = {name: statistics.median(seconds) for name, seconds in found.items()}
    empty = medians.pop("empty")
    return {name: max(0.0, seconds - empty) for name, seconds in medians.items()}


def nothing() -> None:
    """What the other rows are compared with."""


def measure(gigabytes: float) -> dict[str, float]:
    """Seconds of each row in this process, with a heap of that size."""
    from memwatch import trace

    fill(gigabytes)
    mark = trace.trace_memory

    def block() -> None:
        with trace.trace_block("block"):
            pass

    decorated = trace.trace_block("decorated")(nothing)
    rows = {"empty": nothing, "trace_memory": lambda: mark("mark"), "with trace_block": block, "decorated": decorated}
    off = {f"{name}, no trace running": seconds for name, seconds in take_turns(rows).items()}
    trace.init()
    on = take_turns(rows)
    return {**on, "trace_memory, alone": measure_alone(lambda: mark("alone")), **off}


def measure_alone(do: Callable[[], object]) -> float:
    """The median seconds of one call after a pause."""
    seconds = []
    for _ in range(ALONE):
        time.sleep(PAUSE)
        begun = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def run(gigabytes: float) -> dict[str, float]:
    """The same in a fresh process."""
    command = [sys.executable, __file__, "--measure", str(gigabytes)]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def show(seconds: float) -> str:
    return f"{seconds * 1e9:.0f} ns" if seconds < 1e-6 else f"{seconds * 1e6:.1f} us"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of the large heap")
    parser.add_argument("--measure", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure is not None:
        json.dump(measure(given.measure), sys.stdout)
        return
    small, large = run(0.0), run(given.gigabytes)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    command = " ".join(["python benchmarks/trace.py", *sys.argv[1:]])
    print(f"`{command}`, {date.today()}, CPython {platform.python_version()}, {platform.machine()}, load {load:.1f}\n")
    print(f"| one call | small process | {given.gigabytes:g} GB heap |", "|---|---:|---:|", sep="\n")
    for name, seconds in small.items():
        print(f"| {name} | {show(seconds)} | {show(large[name])} |")


if __name__ == "__main__":
    main()
