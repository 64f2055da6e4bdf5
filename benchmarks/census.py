"""What a census costs: memwatch beside gc.collect() and installed peers, on heaps of a chosen number of objects.

    python benchmarks/census.py [--objects 100000 1000000] [--rounds 7] [--without pympler guppy3]

Each heap is built in a process of its own: dicts, lists, tuples, instances with and without __dict__, closures, str,
int, float, bytes, a third of them tracked by the collector. Then it is churned: shuffled, half dropped and filled up
again, three times, so that the order of the collector's lists and of the addresses disagree, as in a program that has
run for a while. Every round times gc.collect() and then one call of each tool; a ratio is the median over the rounds
of the tool's time divided by the gc.collect() of its round. A tool that takes more than ten seconds has one round.

The pause is the longest time for which a second thread that wants to run every half millisecond was kept waiting.
Memory is what the resident set grew by at most during the call, for memwatch what its walk mapped; bytes per object.
A second look is timed as its walk alone, as the identity tells it; the pause of a census in a child is that of its
making. A HeapDiff's new objects come on top of the heap, so its pause after them is of a larger one.
tracemalloc has to see the heap being built, so it has a process of its own; its standing memory is named beside it.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from typing import Any

TOO_SLOW = 10.0
PEERS = {"objgraph": "objgraph", "pympler": "pympler", "guppy3": "guppy", "tracemalloc": "tracemalloc"}  # their modules
IDENTITY = "identity snapshot, births watched"
SECOND = "second look, with what became of the first"
COMPARE = "comparing the two"
CHILD = "deep census in a child, pause of the program"
NEW = 1_000_000
PARTS = {SECOND: "0.40", COMPARE: "5 ns/object", CHILD: "5 ms a million"}
GOALS = {"census of tracked objects": "0.20", "deep census": "0.35; 0.70 at 100 k", IDENTITY: "0.40"}
OBJECTS_OF_AN_ITEM = 3.6  # on average; what the interpreter has of its own comes on top


class Order:
    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"order {number}"
        self.rows = [number]
        self.price = number * 1.5


class Point:
    __slots__ = ("x", "y")

    def __init__(self, number: int) -> None:
        self.x = number
        self.y = f"{number}"


MAKERS: tuple[Callable[[int], object], ...] = (
    lambda n: {"id": n, "name": f"name {n}", "rows": [n]},
    lambda n: [n + 0.5, f"text {n}", (n,)],
    lambda n: (n, str(n), float(n)),
    Order,
    Point,
    lambda n: lambda: n,
    lambda n: b"%d bytes" % n,
    lambda n: {n: str(n)},
)


def build(items: int) -> list[object]:
    """The heap: so many items, churned."""
    chance = random.Random(1)
    gc.disable()
    heap = [MAKERS[number % len(MAKERS)](number + 1000) for number in range(items)]
    for turn in range(3):
        chance.shuffle(heap)
        del heap[items // 2 :]
        heap.extend(MAKERS[number % len(MAKERS)](number + turn) for number in range(items - len(heap)))
    gc.enable()
    gc.collect()
    return heap


def tools(without: set[str]) -> dict[str, Callable[[], object]]:
    """What is timed, by name; each call walks the heap once."""
    from memwatch.backend import name
    from memwatch.backend.census import chosen

    found: dict[str, Callable[[], object]] = {
        f"memwatch ({name}): census of tracked objects": lambda: chosen.count_objects(False, (), None),
        f"memwatch ({name}): deep census": lambda: chosen.count_objects(True, (), None),
        "len(gc.get_objects())": lambda: len(gc.get_objects()),
    }
    if name == "native":
        from memwatch.backend.census.exact import count_in_child, take_identity

        found[f"memwatch ({name}): {IDENTITY}"] = lambda: take_identity(True, (), None, True).release()
        found[f"memwatch ({name}): deep census in a child, all of it"] = lambda: count_in_child(True, (), None)
    if "objgraph" not in without:
        import objgraph

        found["objgraph.typestats()"] = objgraph.typestats
    if "guppy3" not in without:
        from guppy import hpy

        heapy = hpy()
        found["guppy3 heap()"] = heapy.heap
    if "pympler" not in without:
        from pympler import muppy, summary

        found["pympler muppy, summary"] = lambda: summary.summarize(muppy.get_objects())
    return found


def timed_parts(rounds: int) -> list[tuple[str, str, list[tuple[float, float]]]]:
    """Name, goal, and for every round the seconds of gc.collect() and of a part, of what has several parts."""
    from memwatch.backend.census.exact import count_in_child, take_identity

    found: dict[str, list[tuple[float, float]]] = {SECOND: [], COMPARE: [], CHILD: []}
    for _ in range(rounds):
        before = take_identity(True, (), None, True)
        base = seconds(gc.collect)
        after = take_identity(True, (), None, False, before)
        found[SECOND].append((base, after.pause_seconds))
        found[COMPARE].append((base, seconds(lambda before=before, after=after: before.compare(after))))
        found[CHILD].append((base, count_in_child(True, (), None)[1]))
    return [(name, PARTS[name], timed) for name, timed in found.items()]


def diff_pauses(rounds: int) -> list[tuple[float, float, float]]:
    """A HeapDiff of a million new objects: seconds of gc.collect(), and of the pauses before and after."""
    from memwatch import HeapDiff

    found = []
    for _ in range(rounds):
        base = seconds(gc.collect)
        with HeapDiff() as diff:
            new = [Point(number) for number in range(NEW // 3)]
        found.append((base, diff.diff.before.pause_seconds, diff.diff.after.pause_seconds))
        del new, diff
        gc.collect()
    return found


def seconds(call: Callable[[], object]) -> float:
    """How long *call* takes; what it gives is let go within that time, as its user would."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def pause(call: Callable[[], object]) -> float:
    """The longest that another thread had to wait while *call* ran."""
    waits = [0.0]
    stop = threading.Event()

    def tick() -> None:
        last = time.perf_counter()
        while not stop.is_set():
            time.sleep(0.0005)
            now = time.perf_counter()
            waits.append(now - last)
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    time.sleep(0.01)
    waits.clear()
    call()
    time.sleep(0.002)
    stop.set()
    thread.join()
    return max(waits)


def resident(field: str) -> int:
    """Bytes that /proc/self/status gives for *field*; 0 where there is no such file."""
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
    except (OSError, StopIteration):
        return 0


def growth(call: Callable[[], object]) -> int:
    """By how much the resident set was larger at its peak during *call* than before it."""
    try:
        with open("/proc/self/clear_refs", "w") as control:
            control.write("5")  # the peak starts anew
    except OSError:
        return 0
    before = resident("VmRSS")
    call()
    return max(0, resident("VmHWM") - before)


def memory(name: str, call: Callable[[], object]) -> int:
    """Peak bytes of one call."""
    if not name.startswith("memwatch (native)"):
        return growth(call)
    from memwatch.backend import _native

    call()
    return _native.peak_bytes()


def measure(items: int, rounds: int, without: set[str]) -> dict[str, Any]:
    """Every tool on one heap, in this process."""
    heap = build(items)
    chosen = tools(without)
    from memwatch.backend.census.chosen import count_objects

    nodes = sum(number for number, _ in count_objects(True, (), None).values())
    collections = [seconds(gc.collect) for _ in range(rounds)]
    rows = [row("gc.collect()", gc.collect, [1.0] * rounds, collections, nodes)]
    for name, call in chosen.items():
        ratios, times = [], []
        for _ in range(rounds):
            base = seconds(gc.collect)
            times.append(seconds(call))
            ratios.append(times[-1] / base)
            if times[-1] > TOO_SLOW:
                break
        rows.append(row(name, call, ratios, times, nodes))
    if "memwatch (native): deep census" in chosen:
        rows += part_rows(rounds)
    return {"nodes": nodes, "rows": rows, "kept": len(heap)}


def row(name: str, call: Callable[[], object], ratios: list[float], times: list[float], nodes: int) -> dict[str, Any]:
    """One line of the table."""
    goal = GOALS.get(name.removeprefix("memwatch (native): "), "")
    return {**medians(name, ratios, times), "goal": goal, "pause": pause(call), "bytes": memory(name, call) / nodes}


def medians(name: str, ratios: list[float], times: list[float]) -> dict[str, Any]:
    """What each line of the table has."""
    ratio, time_taken = statistics.median(ratios), statistics.median(times)
    return {"name": name, "ratio": ratio, "seconds": time_taken, "rounds": len(ratios)}


def part_rows(rounds: int) -> list[dict[str, Any]]:
    """The lines of what is timed by its parts; each part is a pause."""
    parts = {f"memwatch (native): {name}": (goal, timed) for name, goal, timed in timed_parts(rounds)}
    pauses = diff_pauses(min(rounds, 5))
    for place, when in enumerate(("before", "after"), 1):
        timed = [(found[0], found[place]) for found in pauses]
        parts[f"memwatch (native): HeapDiff of {NEW:,} new objects, pause {when}"] = ("", timed)
    rows = []
    for name, (goal, timed) in parts.items():
        times = [taken for _, taken in timed]
        line = medians(name, [taken / base for base, taken in timed], times)
        rows.append({**line, "goal": goal, "pause": statistics.median(times), "bytes": None})
    return rows


def measure_tracemalloc(items: int, rounds: int) -> dict[str, Any]:
    """tracemalloc.take_snapshot() on a heap that it saw from the start."""
    import tracemalloc

    tracemalloc.start()
    heap = build(items)
    nodes = int(items * OBJECTS_OF_AN_ITEM)
    ratios, times = [], []
    for _ in range(min(rounds, 5)):
        base = seconds(gc.collect)
        times.append(seconds(tracemalloc.take_snapshot))
        ratios.append(times[-1] / base)
    name = f"tracemalloc.take_snapshot(), beside {tracemalloc.get_tracemalloc_memory() / nodes:.0f} B that it keeps"
    return {"rows": [row(name, tracemalloc.take_snapshot, ratios, times, nodes)], "kept": len(heap)}


def child(*arguments: str) -> dict[str, Any]:
    """What this file prints when it is run with *arguments*."""
    done = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def table(found: dict[str, Any]) -> str:
    """One heap as Markdown."""
    nodes = found["nodes"]
    lines = [
        "| | ratio to gc.collect() | goal | time | ns/object | pause | peak B/object | rounds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for line in found["rows"]:
        memory_used = "–" if line["bytes"] is None else f"{line['bytes']:,.2f}"
        lines.append(
            f"| {line['name']} | {line['ratio']:.3f} | {line.get('goal', '')} | {line['seconds'] * 1e3:,.1f} ms "
            f"| {line['seconds'] / nodes * 1e9:,.1f} | {line['pause'] * 1e3:,.1f} ms "
            f"| {memory_used} | {line['rounds']} |"
        )
    return "\n".join(lines)


def report(objects: int, rounds: int, without: set[str]) -> None:
    """Measure one size and print its table."""
    items = str(int(objects / OBJECTS_OF_AN_ITEM))
    common = ["--rounds", str(rounds), "--without", *without]
    found = child("--measure", items, *common)
    if "tracemalloc" not in without:
        found["rows"] += child("--measure-tracemalloc", items, *common)["rows"]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"\n{python}, {found['nodes']:,} objects, {date.today()}\n\n{table(found)}", flush=True)


def main() -> None:
    """Read the arguments; the hidden ones are how this file calls itself."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--without", nargs="*", default=[], choices=PEERS)
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--measure-tracemalloc", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    without = {*given.without, *(name for name, module in PEERS.items() if find_spec(module) is None)}
    if given.measure:
        print(json.dumps(measure(given.measure, given.rounds, without)))
    elif given.measure_tracemalloc:
        print(json.dumps(measure_tracemalloc(given.measure_tracemalloc, given.rounds)))
    else:
        for objects in given.objects:
            report(objects, given.rounds, without)


if __name__ == "__main__":
    main()
