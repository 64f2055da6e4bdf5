"""What a look at a large heap costs the program: the fork, the memory that is copied, and the requests meanwhile.

    python benchmarks/heap_looks.py [--objects 1e6 4e6] [--seconds 4] [--rounds 3] [--peers]

Each size runs in a process of its own, with the heap of `heaps.py`. The main thread answers 200 requests a second: each
replaces ten orders, all over the heap, and one session stays. A second thread has forked children look,
again and again: a census, then a census with the search for holders. Rounds with looks and without take turns.
"copied" is what a child has for itself at its peak: pages that either side has written to since the fork, and what the
child works with. With --peers other tools look at the same heap, in this process, as they do.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import heaps

_ORDERS = 10  # that a request replaces
_RATE = 200  # requests a second
_LOOKS = 6  # looks between suspicion and verdict, one of them with a search


class Requests:
    """Answers requests until the time is over, and notes how long each took."""

    def __init__(self) -> None:
        self.rng = random.Random(1)
        self.keys = list(heaps.ORDERS)
        self.number = max(self.keys)

    def answer(self) -> None:
        for _ in range(_ORDERS):
            place = self.rng.randrange(len(self.keys))
            self.number += 1
            del heaps.ORDERS[self.keys[place]]
            self.keys[place] = self.number
            heaps.ORDERS[self.number] = heaps.make_order(self.number)
        heaps.SESSIONS.append(heaps.Session(self.number, 600))

    def run(self, seconds: float, until: Callable[[], bool]) -> list[tuple[float, float]]:
        """The milliseconds of each request, by the clock and of processor time, for *seconds* and until *until*."""
        begun, took = time.perf_counter(), []
        while time.perf_counter() < begun + seconds or not until():
            time.sleep(max(0.0, begun + len(took) / _RATE - time.perf_counter()))
            started, worked = time.perf_counter(), time.thread_time()
            self.answer()
            took.append((1000 * (time.perf_counter() - started), 1000 * (time.thread_time() - worked)))
        return took


class Looks:
    """Forked children that look, in a thread of its own; and what they had for themselves at their peak."""

    def __init__(self) -> None:
        from memwatch.backend.census import in_child
        from memwatch.backend.census.fork_price import ForkPrice
        from memwatch.heap import snapshot_of
        from memwatch.retain import ask_holders

        self.in_child, self.snapshot_of, self.ask = in_child, snapshot_of, ask_holders
        self.price = ForkPrice(in_child)
        self.expected: list[float] = []
        self.looks: list[Any] = []
        self.lasted: list[float] = []
        self.copied = 0
        self.cpu = 0.0
        self.busy = False

    def pair(self) -> None:
        """A census, and a census with a search."""
        before = time.thread_time()
        known = self._look([], None, None)
        question = self.ask()
        self._look(question.parts, known.identity, question.request)
        self.cpu += (time.thread_time() - before) / 2

    def _look(self, parts: list[Any], known: Any, question: Any) -> Any:
        self.expected.append(self.price.expected() or 0.0)
        begun = time.perf_counter()
        found = self.in_child.look_in_child(parts, None, known, question)
        self.lasted.append(time.perf_counter() - begun)
        self.price.paid(found.price_seconds)
        self.looks.append(found)
        return found

    def watch(self, until: threading.Event) -> None:
        """Read what the child has for itself, again and again."""
        while not until.wait(0.02):
            for pid in "".join(it.read_text() for it in Path("/proc/self/task").glob("*/children")).split():
                self.copied = max(self.copied, private_bytes(pid))


def private_bytes(pid: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Private_"))


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measure(objects: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Rounds with looks and without, in turns."""
    heaps.fill(objects)
    gc.collect()
    requests, looks, done = Requests(), Looks(), threading.Event()
    looks.pair()  # the first one maps memory that the others use again
    looks.expected, looks.looks, looks.lasted, looks.cpu = [], [], [], 0.0
    threading.Thread(target=looks.watch, args=(done,), daemon=True).start()
    quiet: list[tuple[float, float]] = []
    busy: list[tuple[float, float]] = []
    for _ in range(rounds):
        quiet += requests.run(seconds, lambda: True)
        ended = threading.Event()
        thread = threading.Thread(target=lambda ended=ended: (looks.pair(), ended.set()))
        thread.start()
        busy += requests.run(0.0, ended.is_set)
        thread.join()
    done.set()
    census, search = looks.looks[::2], looks.looks[1::2]
    cpu = [statistics.mean(worked for _, worked in part) for part in (quiet, busy)]
    lost = (1 - cpu[0] / cpu[1]) * statistics.mean(looks.lasted) * _LOOKS / 600
    return {
        "blocks": sys.getallocatedblocks(),
        "resident": resident(),
        "expected": statistics.median(looks.expected),
        "price": statistics.median(it.price_seconds for it in looks.looks),
        "pause": max(it.pause_seconds for it in looks.looks),
        "census": statistics.median(it.work_seconds for it in census),
        "search": statistics.median(it.work_seconds for it in search),
        "parent": looks.cpu / rounds,
        "lasted": statistics.mean(looks.lasted),
        "copied": looks.copied,
        "kept": looks.looks[-1].identity.nbytes,
        "p99": [
            [statistics.quantiles(column, n=100)[98] for column in zip(*part, strict=True)] for part in (quiet, busy)
        ],
        "rate": cpu[0] / cpu[1],
        "lost": lost,
    }


def show(objects: int, found: dict[str, Any]) -> None:
    """One row of the table."""
    ms = {name: f"{1000 * found[name]:.1f} ms" for name in ("expected", "price", "pause", "census", "search", "parent")}
    mib = {name: f"{found[name] / 2**20:,.0f} MiB" for name in ("resident", "copied", "kept")}
    share = found["copied"] / found["resident"]
    cells = [
        f"{objects / 1e6:g} M, {mib['resident']}", f"{ms['expected']}", f"{ms['price']}", f"{ms['pause']}",
        f"{ms['census']}; {ms['search']}", ms["parent"], f"{mib['copied']}, {share:.0%}", mib["kept"],
        "; ".join(f"{wall:.1f} ({worked:.1f}) ms" for wall, worked in found["p99"]),
        f"{found['rate']:.0%} for {found['lasted']:.1f} s", f"{found['lost']:.2%}",
    ]  # fmt: skip
    print(f"| {platform.python_version()} | " + " | ".join(cells) + " |", flush=True)


def peers(objects: int) -> None:
    """What other tools take for a census of the same heap: processor time, and memory at the peak beyond the heap."""
    heaps.fill(objects)
    for name, look in _PEERS.items():
        pid = os.fork()
        if pid == 0:
            gc.collect()
            before, begun = resident(), time.thread_time()
            try:
                look()
            except ImportError:
                os._exit(0)
            took = time.thread_time() - begun
            peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(f"| {name} | {took:.2f} s | {max(0, peak - before) / 2**20:,.0f} MiB |", flush=True)
            os._exit(0)
        os.waitpid(pid, 0)


def _guppy() -> None:
    from guppy import hpy

    str(hpy().heap())


def _pympler() -> None:
    from pympler import muppy, summary

    summary.summarize(muppy.get_objects())


def _objgraph() -> None:
    import objgraph

    objgraph.most_common_types()


def _here() -> None:
    from memwatch.heap import take_snapshot

    take_snapshot()


def _apart() -> None:
    from memwatch.backend.census.in_child import look_in_child

    look_in_child([], None)


_PEERS = {
    "`gc.collect()`": gc.collect,
    "memwatch, a walk in the process": _here,
    "memwatch, a forked child: what the process itself pays": _apart,
    "guppy3 `hpy().heap()`": _guppy,
    "pympler `muppy.get_objects()`, `summarize()`": _pympler,
    "objgraph `most_common_types()`": _objgraph,
}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=float, nargs="+", default=[1e6, 4e6])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one and arguments.peers:
        peers(arguments.one)
    elif arguments.one:
        print(json.dumps(measure(arguments.one, arguments.seconds, arguments.rounds)))
    else:
        for objects in arguments.objects:
            command = [sys.executable, __file__, "--one", str(int(objects)), "--seconds", str(arguments.seconds)]
            command += ["--rounds", str(arguments.rounds), *["--peers"] * arguments.peers]
            done = subprocess.run(command, stdout=None if arguments.peers else subprocess.PIPE, check=True)
            if not arguments.peers:
                show(int(objects), json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
