"""What the allocation sampler costs, in instructions, beside what others cost: in real programs and in tight loops.

    python benchmarks/sampler.py [--only NAME ...] [--peers] [--repetitions N] [--jobs N]

Each figure is the ratio to the same program in the same process with nothing watching; the watchers come in turn, in
another order each repetition (`sampling.py`). Instructions are counted by callgrind, which needs valgrind with its
headers and a C compiler, and no hardware counters. Behind each figure stand the samples taken and expected (bytes
allocated by the interval); a row in which less than half of them were taken is void. "page filter" is the sampler where
blocks of Python's allocator cannot be told by their place (PYTHONMALLOC=malloc), beside the same without it. "hook
alone" has functions before the allocators that do nothing: what any sampler of them costs at least. Peers are measured
where they are installed, each with its recorder alone, by the cheapest of their repetitions. Callgrind counts all
threads, and pyroscope-io has some that work by themselves: its figure is an upper bound.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import json
import math
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sampled_programs import REAL
from tight_loops import TIGHT

HERE = Path(__file__).parent
PART_SECONDS = 0.006
"""What one part takes, about, when nobody counts."""


@dataclass(frozen=True)
class Column:
    """A watcher, and the allocator that it watches."""

    name: str
    watcher: str
    allocator: str = "pymalloc"


OURS = (
    Column("512 KiB", "memwatch:524288"),
    Column("64 KiB", "memwatch:65536"),
    Column("hook alone", "hook"),
    Column("page filter, 512 KiB", "memwatch:524288", "malloc"),
)
NATIVE = Column("native, 512 KiB", "native:524288")
PEERS = (
    Column("ddtrace, 512 KiB", "ddtrace:524288"),
    Column("ddtrace, 64 KiB", "ddtrace:65536"),
    Column("pyroscope-io, 512 KiB", "pyroscope:524288"),
    Column("tracemalloc, 1 frame", "tracemalloc:1"),
    Column("memray", "memray"),
)


@dataclass(frozen=True)
class Cell:
    """How many times as much the program takes, and the samples taken and expected."""

    ratio: float
    taken: int
    expected: float

    @property
    def void(self) -> bool:
        """Whether so few samples were taken that the figure says nothing; three are within what chance does."""
        return self.taken < self.expected / 2 - 3

    def __str__(self) -> str:
        told = f" ({self.taken}/{self.expected:.0f})" if self.expected else ""
        return f"{show(self.ratio)}{told}{' void' if self.void else ''}"


def columns_for(peers: bool) -> list[Column]:
    """Those that can be measured here."""
    from memwatch import profile

    if peers:
        return [one for one in PEERS if importlib.util.find_spec(one.watcher.partition(":")[0])]
    native = [NATIVE] if "native" in inspect.signature(profile.start).parameters else []
    return [*OURS, *native]


def build_counter(folder: str) -> str:
    """The library that has callgrind tell parts, and has hooks that do nothing."""
    library, headers = f"{folder}/counting.so", sysconfig.get_path("include")
    sources = [str(HERE / name) for name in ("counting.c", "hook.c")]
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", f"-I{headers}", "-o", library, *sources], check=True)
    return library


def choose_rounds(program: str) -> int:
    """How many rounds make a part, by what one takes here and now."""
    work = (REAL | TIGHT)[program]()
    for _ in range(20):
        work()
    fastest = math.inf
    for _ in range(10):
        begun = time.process_time()
        work()
        fastest = min(fastest, time.process_time() - begun)
    return max(1, round(PART_SECONDS / fastest))


def run(program: str, given: argparse.Namespace, rounds: int, library: str, columns: list[Column]) -> list[Cell]:
    """One process: all *columns* have the same allocator."""
    watchers = ["none", *(one.watcher for one in columns)]
    command = [sys.executable, str(HERE / "sampling.py"), program, str(given.repetitions), str(rounds), library]
    with tempfile.TemporaryDirectory() as folder:
        tool = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/callgrind"]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONMALLOC": columns[0].allocator}
        done = subprocess.run(
            [*tool, *command, *watchers], capture_output=True, text=True, env=environment, check=False
        )
        if done.returncode:
            raise SystemExit(f"{program} failed:\n{done.stderr[-3000:]}")
        parts = read_parts(Path(folder))
    least = any(one in PEERS for one in columns)  # theirs does other work as well, in threads, from time to time
    cost = {watcher: min(costs) if least else sum(costs) for watcher, costs in parts.items()}
    told = json.loads(done.stdout)
    return [Cell(cost[one.watcher] / cost["none"], *told[one.watcher]) for one in columns]


def read_parts(folder: Path) -> dict[str, list[int]]:
    """Instructions of each part by its name."""
    found: dict[str, list[int]] = defaultdict(list)
    for path in folder.iterdir():
        head = path.read_text()[:2000]
        name = re.search(r"Trigger: Client Request: (\S+)", head)
        if name:
            found[name[1]].append(int(re.findall(r"^summary: (\d+)", head, re.MULTILINE)[0]))
    return found


def row(program: str, given: argparse.Namespace, library: str, columns: list[Column]) -> list[Cell] | str:
    """The cells of a program; why there are none, where it cannot run."""
    try:
        rounds = choose_rounds(program)
    except ImportError as error:
        return str(error)
    groups: dict[tuple[str, bool], list[Column]] = defaultdict(list)
    for one in columns:
        groups[one.allocator, one in PEERS].append(one)
    found: dict[Column, Cell] = {}
    for (_, peers), group in groups.items():
        fewer = 1 + rounds // 4 if peers else rounds  # they are slow
        found.update(zip(group, run(program, given, fewer, library, group), strict=True))
    return [found[one] for one in columns]


def show(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.2f} %" if ratio < 2 else f"{ratio:.1f} x"


def mean_row(name: str, rows: list[list[Cell]]) -> str:
    means = [math.exp(sum(math.log(cell.ratio) for cell in column) / len(column)) for column in zip(*rows, strict=True)]
    return f"| **geometric mean, {name}** ({len(rows)}) | {' | '.join(map(show, means))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="*", default=[*REAL, *TIGHT], help="these programs")
    parser.add_argument("--peers", action="store_true", help="what others do instead, where they are installed")
    parser.add_argument("--repetitions", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    given = parser.parse_args()
    columns = columns_for(given.peers)
    command = " ".join(["python", f"benchmarks/{Path(__file__).name}", *sys.argv[1:]])
    print(f"`{command}`, {date.today()}, CPython {platform.python_version()}, {platform.machine()}\n")
    print("| program |", " | ".join(one.name for one in columns), "|")
    print("|---" * (1 + len(columns)) + "|")
    rows: dict[str, list[Cell]] = {}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.jobs) as pool:
        library = build_counter(folder)
        measured = pool.map(lambda program: row(program, given, library, columns), given.only)
        for program, cells in zip(given.only, measured, strict=True):
            if isinstance(cells, str):
                print(f"{program}: {cells}", file=sys.stderr)
                continue
            rows[program] = cells
            print(f"| {program} | {' | '.join(map(str, cells))} |", flush=True)
    for kind, names in (
        ("real", REAL),
        ("tight, without append", [name for name in TIGHT if name != "append in place"]),
    ):
        found = [cells for name, cells in rows.items() if name in names]
        if found:
            print(mean_row(kind, found))


if __name__ == "__main__":
    main()
