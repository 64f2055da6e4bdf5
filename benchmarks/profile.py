"""What a profile costs: processor time beside real programs, the reading of a large heap, tracemalloc's own memory.

    python benchmarks/profile.py [--pairs N] [--million]

Programs come from `workloads.py`. Rounds with and without a profile alternate in one process, so that a noisy machine
slows both; the figure is the median of the ratios of neighbours, with the quartiles.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import date
from pathlib import Path

import psutil
from workloads import WORKLOADS

from memwatch import profile

ROUNDS = {"json": 20, "flask": 60, "containers": 40}
DEPTHS = (1, 16, 64)
MEBIBYTE = 2**20


def seconds_of(work: Callable[[int], object], rounds: int) -> float:
    begun = time.process_time()
    for number in range(rounds):
        work(number)
    return time.process_time() - begun


def ratios(work: Callable[[int], object], rounds: int, depth: int, pairs: int) -> list[float]:
    """With a profile by without, pair by pair."""
    found = []
    for _ in range(pairs):
        without = seconds_of(work, rounds)
        with profile.sampling(stack_depth=depth):
            found.append(seconds_of(work, rounds) / without)
    return found


def beside(work: Callable[[int], object], depth: int) -> Callable[[int], object]:
    """The same work, called from so deep that every stack is as long as a profile keeps."""

    def descend(left: int, number: int) -> object:
        return descend(left - 1, number) if left else work(number)

    return lambda number: descend(depth, number)


def measure_programs(pairs: int) -> list[str]:
    lines = ["| program | frames | times as long | quartiles |", "|---|---|---|---|"]
    for name, rounds in ROUNDS.items():
        work = WORKLOADS[name]()
        seconds_of(work, rounds)
        for depth in DEPTHS:
            low, middle, high = statistics.quantiles(ratios(work, rounds, depth, pairs), n=4)
            lines.append(f"| {name} | {depth} | {middle:.2f} | {low:.2f} to {high:.2f} |")
        low, middle, high = statistics.quantiles(ratios(beside(work, 64), rounds, 64, pairs), n=4)
        lines.append(f"| {name}, called from 64 frames down | 64 | {middle:.2f} | {low:.2f} to {high:.2f} |")
    return lines


def fill(depth: int, count: int) -> list[str]:
    return fill(depth - 1, count) if depth else [f"{number} of many" for number in range(count)]


def measure_reading(blocks: int) -> str:
    """Reading a heap of so many blocks from forty call paths, twice; and what tracing and reading need of memory."""
    process = psutil.Process()
    without = process.memory_info().rss
    plain = [fill(depth, blocks // 40) for depth in range(40)]
    held = process.memory_info().rss - without
    plain.clear()
    profile.start()
    kept = [fill(depth, blocks // 40) for depth in range(40)]
    tables = tracemalloc.get_tracemalloc_memory()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    first = profile.get()
    middle = time.perf_counter()
    profile.get()
    took = time.perf_counter() - middle
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024
    begun_raw = time.perf_counter()
    tracemalloc.take_snapshot()
    raw = time.perf_counter() - begun_raw
    profile.stop()
    return (
        f"{first.root.total_count:,} blocks in {len(kept)} call paths ({held / MEBIBYTE:.0f} MiB by themselves): get()"
        f" {middle - begun:.2f} s, again {took:.2f} s, for about {raw:.2f} s of which the interpreter stands still; "
        f"{more:.0f} MiB more at its peak; tracemalloc says {tables / MEBIBYTE:.0f} MiB for its tables."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=9, help="how many rounds with and without are compared")
    parser.add_argument("--million", action="store_true", help="also read a heap of a million blocks")
    given = parser.parse_args()
    command = " ".join(["python", f"benchmarks/{Path(__file__).name}", *sys.argv[1:]])
    print(f"`{command}`, {date.today()}, CPython {platform.python_version()}, {platform.machine()}\n")
    print(*measure_programs(given.pairs), sep="\n")
    if given.million:
        print("", measure_reading(1_000_000), sep="\n")


if __name__ == "__main__":
    main()
