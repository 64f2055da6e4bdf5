"""What it costs to find out who holds an object: memwatch beside gc.collect() and objgraph, on a heap of chosen size.

    python benchmarks/paths.py [--objects 1000000] [--rounds 7] [--depth 2 8] [--without objgraph]

The heap is that of census.py: built, shuffled, half dropped and filled up again, in a process of its own. One object
lies at the end of a chain of lists of each asked depth. Every round times gc.collect() and then one search of each
kind; a ratio is the median over the rounds of the search's time divided by the gc.collect() of its round. A search that
takes more than ten seconds has one round. Memory is what memwatch mapped at most during the search, bytes per object.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

from census import OBJECTS_OF_AN_ITEM, TOO_SLOW, build, seconds


class Wanted:
    """What is looked for."""


def chain(depth: int) -> tuple[Wanted, list[Any]]:
    """An object, and the list at whose end it lies."""
    wanted = Wanted()
    holder: Any = wanted
    for _ in range(depth):
        holder = [holder]
    return wanted, holder


def tools(depth: int, with_objgraph: bool) -> dict[str, Callable[[], object]]:
    """What is timed, by name; the chain hangs on this module."""
    from memwatch.backend import name
    from memwatch.backend.census.chosen import list_objects
    from memwatch.retain import find_holdings, find_path, retaining_paths

    wanted, globals()["HELD"] = chain(depth)
    found: dict[str, Callable[[], object]] = {
        f"memwatch ({name}): one path, depth {depth}": lambda: find_path(wanted),
        f"memwatch ({name}): retaining_paths(object, limit=3), depth {depth}": lambda: retaining_paths(wanted),
        f"memwatch ({name}): retaining_paths(type=...)": lambda: retaining_paths(type=f"{__name__}.Wanted"),
    }
    known = list_objects(True, (), None).addresses
    globals()["NEW"] = [[number] for number in range(10_000)]
    found[f"memwatch ({name}): holders of all that is new since a census"] = lambda: find_holdings(known)
    if with_objgraph:
        import objgraph

        found[f"objgraph.find_backref_chain(), depth {depth}"] = lambda: objgraph.find_backref_chain(
            wanted, objgraph.is_proper_module, max_depth=depth + 4
        )
    return found


def measure(items: int, rounds: int, depth: int, with_objgraph: bool) -> dict[str, Any]:
    """Every search on one heap, in this process."""
    heap = build(items)
    from memwatch.backend import name
    from memwatch.backend.census.chosen import count_objects

    nodes = sum(number for number, _ in count_objects(True, (), None).values())
    rows = []
    for title, call in tools(depth, with_objgraph).items():
        ratios, times = [], []
        for _ in range(rounds):
            base = seconds(gc.collect)
            times.append(seconds(call))
            ratios.append(times[-1] / base)
            if times[-1] > TOO_SLOW:
                break
        rows.append([title, statistics.median(ratios), statistics.median(times), peak(name, title) / nodes, len(times)])
    return {"nodes": nodes, "rows": rows, "kept": len(heap)}


def peak(name: str, title: str) -> int:
    """Bytes that the last search of the C extension had mapped at most."""
    if name != "native" or not title.startswith("memwatch"):
        return 0
    from memwatch.backend import _native

    return _native.peak_bytes()


def report(found: dict[str, Any]) -> None:
    """Print one heap as Markdown."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"\n{python}, {found['nodes']:,} objects, {date.today()}\n")
    print("| | ratio to gc.collect() | time | peak B/object | rounds |\n|---|---|---|---|---|")
    for title, ratio, took, nbytes, rounds in found["rows"]:
        memory = f"{nbytes:.1f}" if nbytes else ""
        print(f"| {title} | {ratio:.2f} | {took * 1e3:,.1f} ms | {memory} | {rounds} |", flush=True)


def main() -> None:
    """Read the arguments; the hidden one is how this file calls itself."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--depth", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--without", nargs="*", default=[], choices=("objgraph",))
    parser.add_argument("--measure", type=int, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(*given.measure[:1], given.rounds, given.measure[1], "objgraph" not in given.without)))
        return
    for objects in given.objects:
        for depth in given.depth:
            items = str(int(objects / OBJECTS_OF_AN_ITEM))
            own = [sys.executable, __file__, "--measure", items, str(depth), "--rounds", str(given.rounds)]
            done = subprocess.run([*own, "--without", *given.without], stdout=subprocess.PIPE, text=True, check=True)
            report(json.loads(done.stdout))


if __name__ == "__main__":
    main()
