"""What the allocation sampler costs, in instructions: programs of `sampling.py` with and without it.

    python benchmarks/sampler.py [--rounds N] [--only NAME ...] [--peers] [--jobs N]

Each figure is the ratio to the same program with nothing watching, both without their start: a process of N rounds is
subtracted from one of 3 N, and what is done between the rounds is taken off. Instructions are counted by `perf stat`
where the machine lets it, else by callgrind, which needs no hardware counters and always counts the same. Behind each
figure stand samples taken and expected; a row in which less than half of them were taken is void. "page filter" is the
sampler without Python's arenas (PYTHONMALLOC=malloc), beside the same without it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from sampling import REAL, TIGHT

PROGRAM = Path(__file__).with_name("sampling.py")
CALLGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
PERF = ["perf", "stat", "-x,", "-e", "instructions:u"]


@dataclass(frozen=True)
class Configuration:
    """What watches, and which allocator it watches."""

    name: str
    watcher: str
    allocator: str = "pymalloc"


CONFIGURATIONS = (
    Configuration("512 KiB", "524288"),
    Configuration("64 KiB", "65536"),
    Configuration("page filter, 512 KiB", "524288", "malloc"),
)
PEERS = (Configuration("tracemalloc, 1 frame", "tracemalloc"), Configuration("ddtrace, 512 KiB", "ddtrace"))


def counts_hardware() -> bool:
    """Whether `perf stat` has instructions to tell."""
    if not shutil.which("perf"):
        return False
    done = subprocess.run([*PERF, "true"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and re.search(r"^\d+,", done.stderr, re.MULTILINE) is not None


def count(command: list[str], allocator: str, hardware: bool) -> tuple[int, int, float]:
    """Instructions of one process; samples taken and expected."""
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONMALLOC": allocator}
    tool = PERF if hardware else CALLGRIND
    done = subprocess.run([*tool, *command], capture_output=True, text=True, env=environment, check=True)
    found = (
        re.search(r"^(\d+),", done.stderr, re.MULTILINE) if hardware else re.search(r"Collected : (\d+)", done.stderr)
    )
    if found is None:
        raise SystemExit(f"no instructions were counted: {done.stderr[-500:]}")
    taken, expected = json.loads(done.stdout)
    return int(found[1]), taken, expected


def measure(name: str, rounds: int, watcher: str, allocator: str, hardware: bool) -> tuple[int, int, float]:
    """Instructions of 2 * *rounds* rounds, and their samples."""
    command = [sys.executable, str(PROGRAM), name]
    less, taken, expected = count([*command, str(rounds), watcher], allocator, hardware)
    more, taken_more, expected_more = count([*command, str(3 * rounds), watcher], allocator, hardware)
    return more - less, taken_more - taken, expected_more - expected


@cache
def measure_nothing(rounds: int, watcher: str, allocator: str, hardware: bool) -> int:
    """What is done between the rounds."""
    return measure("nothing", rounds, watcher, allocator, hardware)[0]


def row(name: str, rounds: int, configurations: list[Configuration], hardware: bool) -> tuple[list[float], str]:
    """The ratios of one program, and its row of the table."""
    plain = {
        allocator: measure(name, rounds, "none", allocator, hardware)[0]
        - measure_nothing(rounds, "none", allocator, hardware)
        for allocator in dict.fromkeys(one.allocator for one in configurations)
    }
    ratios, cells = [], []
    for one in configurations:
        instructions, taken, expected = measure(name, rounds, one.watcher, one.allocator, hardware)
        instructions -= measure_nothing(rounds, one.watcher, one.allocator, hardware)
        ratios.append(instructions / plain[one.allocator])
        void = " void" if taken < expected / 2 - 3 else ""
        cells.append(f"{show(ratios[-1])}{f' ({taken}/{expected:.0f}){void}' if expected else ''}")
    return ratios, f"| {name} | {plain['pymalloc'] / 1e6:.0f} M | {' | '.join(cells)} |"


def show(ratio: float) -> str:
    return f"+{100 * (ratio - 1):.2f} %" if ratio < 2 else f"{ratio:.1f} x"


def mean_row(name: str, ratios: list[list[float]]) -> str:
    means = [math.exp(sum(map(math.log, column)) / len(column)) for column in zip(*ratios, strict=True)]
    return f"| geometric mean, {name} | | {' | '.join(map(show, means))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10, help="N")
    parser.add_argument("--only", nargs="*", default=[*REAL, *TIGHT], help="these programs")
    parser.add_argument("--peers", action="store_true", help="also what others do, where they are installed")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    given = parser.parse_args()
    hardware = counts_hardware()
    peers = [one for one in PEERS if given.peers and importlib.util.find_spec(one.watcher)]
    configurations = [*CONFIGURATIONS, *peers]
    command = " ".join(["python", f"benchmarks/{Path(__file__).name}", *sys.argv[1:]])
    tool = "perf stat" if hardware else "callgrind"
    print(f"`{command}`, {date.today()}, CPython {platform.python_version()}, {platform.machine()}, by {tool}\n")
    print("| program | alone |", " | ".join(one.name for one in configurations), "|")
    print("|---" * (2 + len(configurations)) + "|")
    with ThreadPoolExecutor(1 if hardware else given.jobs) as pool:
        rows = []
        for ratios_of_one, text in pool.map(lambda one: row(one, given.rounds, configurations, hardware), given.only):
            print(text, flush=True)
            rows.append(ratios_of_one)
    for kind, names in (("real", REAL), ("tight loops", TIGHT)):
        ratios = [found for name, found in zip(given.only, rows, strict=True) if name in names]
        if ratios:
            print(mean_row(kind, ratios))


if __name__ == "__main__":
    main()
