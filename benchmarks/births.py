"""What it costs a program that births are watched: instructions with an open identity, less those without.

    python benchmarks/births.py [--only loops classes]

Each workload runs in a process of its own under `valgrind --tool=callgrind`, which counts instructions: with a
number of turns and with three times as many, with and without births being watched. The difference of two runs of one
kind leaves out the start, the imports and the walk. A full collection runs first, as in a HeapDiff.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

GOALS = {"json": 4, "classes": 4, "strings": 4, "ints": 10, "instances": 10}  # per cent
DOCUMENT = json.dumps([{"id": n, "name": f"name {n}", "tags": ["a", "b"], "price": n * 1.5} for n in range(40)])


class Packet:
    """What the tasks below pass on to each other."""

    def __init__(self, link: Packet | None, kind: int) -> None:
        self.link = link
        self.kind = kind
        self.data = [kind] * 4


class Task:
    """Takes packets from its queue and makes new ones for the next task."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.queue: Packet | None = None
        self.done = 0

    def take(self, packet: Packet) -> None:
        """Put a packet into the queue."""
        packet.link = self.queue
        self.queue = packet

    def run(self, others: list[Task]) -> None:
        """Work the queue off."""
        while self.queue is not None:
            packet, self.queue = self.queue, self.queue.link
            self.done += sum(packet.data)
            if packet.kind:
                others[(self.number + 1) % len(others)].take(Packet(None, packet.kind - 1))


class Small:
    """An instance with a slot and nothing else."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


def run_json(turns: int) -> None:
    """Read a document and write it."""
    for _ in range(turns):
        json.dumps(json.loads(DOCUMENT))


def run_classes(turns: int) -> None:
    """Tasks and packets, in the manner of richards."""
    tasks = [Task(number) for number in range(6)]
    for _ in range(turns):
        for task in tasks:
            task.take(Packet(None, 8))
        for _ in range(9):
            for task in tasks:
                task.run(tasks)


def run_strings(turns: int) -> None:
    """Lines of a report."""
    for turn in range(turns):
        lines = [f"{number:6d} {number / 7:.2f} {f'name {number}':>20}" for number in range(50)]
        "\n".join(lines).upper().split(str(turn))


def run_ints(turns: int) -> None:
    """A loop that makes an int at each step, and nothing else."""
    total = 1 << 40
    for number in range(turns * 400):
        total += number


def run_instances(turns: int) -> None:
    """A loop that makes a small instance at each step."""
    for number in range(turns * 100):
        Small(number)


WORKLOADS: dict[str, tuple[Callable[[int], None], int]] = {
    "json": (run_json, 60),
    "classes": (run_classes, 100),
    "strings": (run_strings, 120),
    "ints": (run_ints, 200),
    "instances": (run_instances, 300),
}


def work(name: str, turns: int, births: bool) -> None:
    """What runs under callgrind."""
    from memwatch.backend.census.exact import take_identity

    run = WORKLOADS[name][0]
    run(3)
    gc.collect()
    gc.freeze()  # a full collection more or less must not count
    identity = take_identity(True, (), None, births)
    run(turns)
    identity.release()


def instructions(name: str, turns: int, births: bool) -> int:
    """Instructions of one process."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "callgrind.out")
        call = [sys.executable, __file__, "--work", name, "--turns", str(turns), *(["--births"] if births else [])]
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *call]
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        found = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)
        return int(found[1]) if found else 0


def overhead(name: str) -> float:
    """Per cent that births add to one workload."""
    turns = WORKLOADS[name][1]
    costs = [instructions(name, 3 * turns, births) - instructions(name, turns, births) for births in (False, True)]
    return 100 * (costs[1] / costs[0] - 1)


def main() -> None:
    """Read the arguments; the hidden ones are how this file calls itself."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(WORKLOADS), choices=WORKLOADS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--turns", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--births", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work, given.turns, given.births)
        return
    print(f"\n{platform.python_implementation()} {platform.python_version()}, {date.today()}\n")
    print("| workload | instructions | goal |\n|---|---|---|")
    for name in given.only:
        print(f"| {name} | {overhead(name):+.1f} % | {GOALS[name]:+d} % |", flush=True)


if __name__ == "__main__":
    main()
