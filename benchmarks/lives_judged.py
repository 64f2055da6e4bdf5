"""False alarms over short lives with the heap's evidence: what the trend brings is judged on a real heap.

    python benchmarks/lives_judged.py [--roles 120] [--judged 2] [--seed 2026]

The roles and their weeks are those of `lives.py`, which says what the trend alone brings. Here each role also has a way
in which it keeps things, drawn from those below: real containers with the code that bounds or empties them, or a table
that nobody bounds and that fills ever more slowly. Of each role the first candidates are judged as in a process, on
real objects that come as the life has grown, with all looks from the suspicion on; time alone is made. The later ones
are like them: to the judge the lives of a role differ in nothing, as noise is no object, but in the time of day. Leaks
of the same sizes are judged beside them. Once told, a role is not told again for a day: that is counted too. The last
column is what the rate is at most, with 95 % confidence.
"""

from __future__ import annotations

import argparse
import functools
import gc
import heapq
import logging.handlers
import math
import queue
import sys
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import lives
import numpy as np
from lives import OF_THE_HEAP, WEEK, Growth, Random, healthy, lives_of, shape

import memwatch.render  # noqa: F401 - reports are drawn by it
from memwatch.backend.meters.collector import read_collections
from memwatch.backend.meters.meters import Meters
from memwatch.diagnosis import Diagnosis
from memwatch.recording.evidence import LIVES, leaky
from memwatch.watch import Candidate, Leak, Ledger, Sample
from memwatch.watch import Growth as Grown
from memwatch.watch.lives import AcrossLives

OBJECTS = 600  # that come in a life
BUCKETS, SUSPECTED, DECIDED = 24, 8, 19  # as in watch/lives.py
Put = Callable[[int, Any], object]


class Item:
    """What a life keeps."""

    def __init__(self, number: int) -> None:
        self.number, self.text, self.at = number, f"item {number} ".ljust(4000, "x"), time.monotonic()


class Limited(OrderedDict[int, Any]):
    """Drops its oldest item."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def keep(self, number: int, item: Any) -> None:
        self[number] = item
        while len(self) > self.limit:
            self.popitem(last=False)


class Batch:
    """Begins a new list when one is full."""

    def __init__(self, most: int) -> None:
        self.rows: list[Any] = []
        self.most = most

    def put(self, number: int, item: Any) -> None:
        self.rows.append(item)
        if len(self.rows) >= self.most:
            self.rows = []


class Culled:
    """One method asks, another takes out."""

    def __init__(self, most: int) -> None:
        self.kept: dict[int, Any] = {}
        self.most = most

    def put(self, number: int, item: Any) -> None:
        if self.is_full():
            self.cull()
        self.kept[number] = item

    def is_full(self) -> bool:
        return len(self.kept) >= self.most

    def cull(self) -> None:
        self.kept.pop(next(iter(self.kept)))


class Best:
    """Adds while there are few, then replaces."""

    def __init__(self, most: int) -> None:
        self.best: list[Any] = []
        self.most = most

    def put(self, number: int, item: Any) -> None:
        if len(self.best) < self.most:
            heapq.heappush(self.best, (number, item))
        else:
            heapq.heapreplace(self.best, (number, item))


class Reports:
    """Emptied every half hour."""

    def __init__(self, most: int) -> None:
        self.pending: list[Any] = []
        self.sent = time.monotonic()

    def put(self, number: int, item: Any) -> None:
        self.pending.append(item)
        if time.monotonic() - self.sent > 1800:
            self.pending, self.sent = [], time.monotonic()


class Sessions:
    """Swept of what is older than half an hour."""

    def __init__(self, most: int) -> None:
        self.sessions: dict[int, Any] = {}

    def put(self, number: int, item: Any) -> None:
        self.sessions[number] = item

    def sweep(self) -> None:
        for number, item in list(self.sessions.items()):
            if item.at < time.monotonic() - 1800:
                del self.sessions[number]


class Flushed:
    """Written by a thread of its own."""

    def __init__(self, most: int) -> None:
        self.lines: list[Any] = []

    def put(self, number: int, item: Any) -> None:
        self.lines.append(item)

    def run(self) -> None:
        while True:
            time.sleep(1200)
            self.lines.clear()


class Table:
    """Nobody bounds it: each key comes once. What fills it ever more slowly is healthy, what does not is a leak."""

    def __init__(self, most: int) -> None:
        self.profiles: dict[int, Any] = {}

    def put(self, number: int, item: Any) -> None:
        self.profiles.setdefault(number, item)


class Log:
    """Nobody empties it."""

    def __init__(self, most: int) -> None:
        self.seen: list[Any] = []

    def put(self, number: int, item: Any) -> None:
        self.seen.append(item)


def cached(most: int) -> Put:
    @functools.lru_cache(most)
    def answer(number: int, item: Any) -> Any:
        return item

    return answer


def limited(most: int) -> Put:
    return Limited(most).keep


def recent(most: int) -> Put:
    kept: deque[Any] = deque(maxlen=most)
    return lambda number, item: kept.append(item)


def queued(most: int) -> Put:
    waiting: queue.Queue[Any] = queue.Queue(most)
    return lambda number, item: waiting.put_nowait(item)


def logged(most: int) -> Put:
    handler = logging.handlers.MemoryHandler(most, flushLevel=99)
    return lambda number, item: handler.buffer.append(item)


BOUNDED = (cached, limited, recent, queued, logged, *(lambda n, k=kind: k(n).put for kind in (Batch, Culled, Best)))
EMPTIED = tuple((lambda n, k=kind: k(n).put) for kind in (Batch, Reports, Sessions, Flushed))
UNBOUNDED = tuple((lambda n, k=kind: k(n).put) for kind in (Table, Log))


class Process:
    """One life in this process, with times that are made: suspicion, looks, and the judge's answer at each bucket."""

    def __init__(self, life: float) -> None:
        self.judge, self.ledger, self.meters = Diagnosis(60.0), Ledger(), Meters()
        self.ledger.started -= 1e6
        self.life, self.now = life, 1000.0
        self.past: list[Sample] = []

    def read(self) -> Sample:
        got, counts = self.meters.read(force=True), read_collections()
        numbers = got.base, got.rss, got.blocks, got.small, got.native, 100, counts.full, counts.young
        return Sample(self.now, self.now, "tick", *numbers, 0.0, self.meters.names)

    def ask(self, level: str) -> Candidate:
        first, last = self.past[0], self.past[-1]
        seconds = max(last.time - first.time, 2 * self.life / BUCKETS)
        grew = max(1, last.base - first.base)
        when = last.time - seconds, last.time, seconds
        growth = Grown(level, "lives", "base", *when, first.base, grew, 4, "lives")  # type: ignore[arg-type]
        return Candidate(growth, tuple(self.past), self.read, lambda: False, self.ledger)

    def run(self, put: Put, objects: Callable[[float], float]) -> bool:
        """Whether a leak is told; *objects* of a share of the life says how many have come by then."""
        there = 0
        for bucket in range(SUSPECTED + 1, BUCKETS + 1):
            upto = round(objects(bucket / BUCKETS))
            for number in range(there, upto):
                put(number, Item(number))
            there, self.now = upto, 1000.0 + self.life * bucket / BUCKETS
            self.past.append(self.read())
            if bucket == SUSPECTED + 1:
                gc.collect()
                self.judge.suspected(self.ask("suspect"))
            elif bucket < DECIDED:
                self.judge.followed(self.ask("suspect")) if bucket % 2 else None
            elif isinstance(self.judge(self.ask("early")), Leak):
                return True
        return False


def holder_of(random: Random, kind: str) -> Callable[[], Put]:
    """How a role of that kind keeps things: makes the container of one life."""
    ways = BOUNDED if kind == "cache fills" else EMPTIED if kind in ("sawtooth", "daily") else UNBOUNDED
    most = round(OBJECTS * random.uniform(1.1, 3.0))
    way = ways[random.integers(len(ways))]
    return lambda: way(most)


def is_told(make: Callable[[], Put], growth: Growth, life: float, start: float) -> bool:
    """Whether the judge tells a life of that role in which the trend has found a candidate."""
    shares = np.linspace(0, 1, BUCKETS + 1)
    values = growth(shares * life, start)
    rise = max(float(values[-1] - values[0]), 1e-9)
    holder = sys.modules["__main__"].__dict__["holding"] = make()
    try:
        return Process(life).run(holder, lambda share: OBJECTS * float(growth(share * life, start) - values[0]) / rise)
    finally:
        sys.modules["__main__"].__dict__["holding"] = None
        gc.collect()


def week(random: Random, kind: str, life: float, judged: int) -> tuple[int, int, int]:
    """The candidates of the trend, those that were judged, and those told, in a role's week."""
    base, growth = random.uniform(40, 600), healthy(random, kind, random.uniform(40, 600), life)
    make = holder_of(random, kind)
    before: list[Any] = []
    candidates = asked = told = 0
    start = quiet_until = 0.0
    for readings in lives_of(random, growth, base, life, 0.1):
        detector = AcrossLives()
        detector.leaky = leaky(before) if start >= quiet_until else None
        if detector.leaky is not None and lives.tells(detector, readings) is not None:
            candidates += 1
            if asked < judged or told:
                asked += 1
                if is_told(make, growth, life, start):
                    told, quiet_until = told + 1, start + 86400
        before = [shape(readings), *before][:LIVES]
        start += lives.TICK * len(readings)
    return candidates, asked, told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--roles", type=int, default=120)
    parser.add_argument("--judged", type=int, default=2, help="candidates of each role that are judged")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--life", type=float, default=600.0, help="seconds")
    args = parser.parse_args()
    random = np.random.default_rng(args.seed)
    leaks = sum(
        is_told(holder_of(random, "leak"), lambda age, start: 0.1 * np.asarray(age), args.life, 0.0)
        for _ in range(args.roles // 6)
    )
    print(f"leaks of {args.life / 60:g} minutes that the judge told: {leaks} of {args.roles // 6}")
    print("| healthy roles | roles | hours | candidates per 1000 h | judged | told | told per 1000 h | at most |")
    print("|---" * 8 + "|")
    rows = []
    for kind in ("stationary", "warm-up", "logarithmic", "daily", *OF_THE_HEAP):
        found = [week(random, kind, args.life, args.judged) for _ in range(max(1, args.roles // 6))]
        rows.append((kind, len(found), *map(sum, zip(*found, strict=True))))
        print(as_row(*rows[-1]), flush=True)
    print(as_row("all", *(sum(row[place] for row in rows) for place in range(1, 5))))


def as_row(kind: str, roles: int, candidates: int, judged: int, told: int) -> str:
    hours = roles * WEEK / 3600
    rates = 1000 * candidates / hours, 1000 * told / hours, 1000 * most_of(told) / hours
    return f"| {kind} | {roles} | {hours:.0f} | {rates[0]:.1f} | {judged} | {told} | {rates[1]:.3f} | {rates[2]:.3f} |"


def most_of(told: int) -> float:
    """How many are to be expected at most where so many came, with 95 % confidence (Poisson)."""
    expected = float(told)
    while sum(math.exp(-expected) * expected**count / math.factorial(count) for count in range(told + 1)) > 0.05:
        expected += 0.001
    return expected


if __name__ == "__main__":
    main()
