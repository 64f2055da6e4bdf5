"""The programs that `watcher.py` measures: each does N rounds of its work, watched or not.

    python benchmarks/workloads.py NAME[:SIZE] ROUNDS [--watch OPTIONS] [--settle SECONDS]

OPTIONS is JSON for `memwatch.start`; what is done in the first SECONDS is not measured. Prints one JSON object: how
long the rounds took, and what the collector and memwatch did meanwhile.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

Round = Callable[[int], object]
kept: list[object] = []


def make_flask() -> Round:
    """A request through Flask's whole stack, without a socket."""
    from flask import Flask, jsonify

    app = Flask(__name__)

    @app.get("/orders/<int:number>")
    def order(number: int) -> Any:
        return jsonify(number=number, lines=[{"item": i, "price": i * 1.5} for i in range(10)])

    client = app.test_client()
    return lambda number: client.get(f"/orders/{number}").data


def make_json() -> Round:
    """A document of some 20 KiB, written and read."""
    document = {f"key {i}": [i, i * 0.5, str(i), {"name": f"name {i}", "tags": ["a", "b"]}] for i in range(200)}
    return lambda _: json.loads(json.dumps(document))


def make_containers() -> Round:
    """Four thousand containers, alive together for one round: the collector is called all the time."""
    return lambda _: [[i] for i in range(4000)]


def rest(_: int) -> None:
    time.sleep(0.1)


def make_idle() -> Round:
    """A tenth of a second of sleep."""
    return rest


def make_collections() -> Round:
    """A young collection."""
    return lambda _: gc.collect(0)


def make_tick() -> Round:
    """One tick of the watcher, in the caller's thread: a reading of the meters that goes through the detectors."""
    import memwatch

    tick = memwatch.start(tick=3600.0, sample=3600.0)._tick
    return lambda _: tick()


def make_fragmented(gigabytes: str) -> Round:
    """A tenth of a second of sleep, with a heap of that size of which every second piece was given back."""
    sizes = random.Random(2026).choices(range(64, 2048), k=4096)
    held: list[bytes | None] = []
    total = 0
    while total < float(gigabytes) * 2**30:
        held.append(bytes(sizes[len(held) % len(sizes)]))
        total += sizes[(len(held) - 1) % len(sizes)] + 33
    held[::2] = [None] * len(held[::2])
    kept.append(held)
    return rest


WORKLOADS: dict[str, Callable[..., Round]] = {
    name.removeprefix("make_"): make for name, make in list(globals().items()) if name.startswith("make_")
}


def count_collections() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


def settle(work: Round, seconds: float) -> None:
    """Work for a while: a watcher needs a tick or two to see how busy the program is."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        work(0)


def measure(name: str, rounds: int, options: dict[str, Any] | None, seconds: float) -> dict[str, Any]:
    """Run it; seconds of wall time and of processor, collections, and how often memwatch's callback was in place."""
    kind, _, size = name.partition(":")
    work = WORKLOADS[kind](*([size] if size else []))
    work(0)
    watcher = None
    if options is not None:
        import memwatch

        watcher = memwatch.start(**options)
    settle(work, seconds)
    attached, collections, cpu, wall = 0, count_collections(), time.process_time(), time.perf_counter()
    for number in range(rounds):
        work(number)
        attached += len(gc.callbacks)
    did: dict[str, Any] = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "collections": count_collections() - collections,
        "attached": attached / rounds,
        "readings": 0,
    }
    if watcher is not None:
        did.update(readings=watcher.readings, **watcher.cost.to_dict())
    return did


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help=f"one of {', '.join(sorted(WORKLOADS))}; fragmented:GIGABYTES")
    parser.add_argument("rounds", type=int)
    parser.add_argument("--watch", type=json.loads)
    parser.add_argument("--settle", type=float, default=0.0, metavar="SECONDS")
    given = parser.parse_args()
    json.dump(measure(given.name, given.rounds, given.watch, given.settle), sys.stdout)
