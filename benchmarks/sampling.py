"""The programs that `sampler.py` measures: each does N rounds of its work while something watches the allocator.

    python benchmarks/sampling.py NAME ROUNDS WATCHER

WATCHER is none, tracemalloc, ddtrace, or an interval in bytes for memwatch's sampler. Prints how many samples were
taken, and how many were to be expected.
"""

from __future__ import annotations

import gc
import json
import random
import sys
from collections.abc import Callable
from typing import Any

Round = Callable[[int], object]

DOCUMENT = {f"key {i}": [i, i * 0.5, str(i), {"name": f"name {i}", "tags": ["a", "b"]}] for i in range(200)}
TEXT = json.dumps(DOCUMENT)


class Planner:
    """Moves money between accounts, in steps that know each other: attributes, methods, lists and small dicts."""

    def __init__(self, size: int) -> None:
        self.accounts = [{"number": number, "balance": 100.0} for number in range(size)]
        self.log: list[tuple[int, int, float]] = []

    def move(self, source: int, target: int) -> float:
        amount = self.accounts[source]["balance"] / 3
        self.accounts[source]["balance"] -= amount
        self.accounts[target]["balance"] += amount
        self.log.append((source, target, amount))
        return amount

    def run(self, rounds: int) -> float:
        total = 0.0
        for step in range(rounds):
            total += self.move(step % len(self.accounts), step * 7 % len(self.accounts))
        return total


def nothing(_: int) -> object:
    return None


def json_dumps(_: int) -> object:
    return json.dumps(DOCUMENT)


def json_loads(_: int) -> object:
    return json.loads(TEXT)


def classes(_: int) -> object:
    return Planner(50).run(500)


def regex(number: int) -> object:
    import re

    re.purge()
    return re.compile(rf"(?P<name{number}>[a-z]+)\s*(?:=\s*(\d+|\"[^\"]*\"))?(,|;|$)").findall("a=1, b = 22; c" * 5)


def formatting(number: int) -> object:
    return [f"{place} of {number}: {place * 0.5:.2f} {'x' * (place % 20)!r}" for place in range(200)]


def sorting(number: int) -> object:
    rows = [(place * 7919 % 1009, f"row {place}") for place in range(500)]
    return {name: value for value, name in sorted(rows) if value > number % 3}


def int_loop(_: int) -> object:
    for _number in range(1000, 7000):
        pass
    return None


def instance_loop(_: int) -> object:
    for _ in range(500):
        Planner(0)
    return None


def string_append(_: int) -> object:
    text = "x" * 600_000
    for _ in range(1000):
        text += "y"
    return text


REAL: dict[str, Round] = {work.__name__: work for work in (json_dumps, json_loads, classes, regex, formatting, sorting)}
TIGHT: dict[str, Round] = {work.__name__: work for work in (int_loop, instance_loop, string_append)}


def begin(watcher: str) -> Callable[[], tuple[int, float]]:
    """Have it watch; what tells samples taken and expected at the end, (0, 0.0) where that is not known."""
    from memwatch.backend import _native  # everywhere: what a process has loaded decides how its blocks lie

    if watcher == "none":
        return lambda: (0, 0.0)
    if watcher == "tracemalloc":
        import tracemalloc

        tracemalloc.start(1)
        return lambda: (0, 0.0)
    if watcher == "ddtrace":
        from ddtrace.profiling.collector import memalloc  # type: ignore[import-not-found]

        memalloc.MemoryCollector(heap_sample_size=524288).start()
        return lambda: (0, 0.0)
    _native.sampling_start(float(watcher), 64, 65536)
    _native.sampling_seed(2026)

    def told() -> tuple[int, float]:
        stats: Any = _native.sampling_stats()
        return stats["taken"], stats["expected"]

    return told


def main(name: str, rounds: int, watcher: str) -> None:
    """Run it. After each round some blocks of all sizes stay, so that the next ones lie another way in their pools: a
    loop whose block is the last of a pool costs a tenth more, and by chance that would befall one watcher alone. What
    that costs itself, "nothing" tells.

    There are no collections: when they come depends on everything, and one costs more than a hundred samples.
    """
    gc.disable()
    work, kept, chance = (REAL | TIGHT).get(name, nothing), [], random.Random(2026)
    work(0)
    told = begin(watcher)
    for number in range(rounds):
        work(number)
        kept.append([bytes(size - 33) for size in range(48, 513, 16) for _ in range(chance.randrange(4096 // size))])
        kept.append([number + 1000 for number in range(chance.randrange(130))])
    json.dump(told(), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
