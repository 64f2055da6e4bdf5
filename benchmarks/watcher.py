"""What watching costs: instructions beside three busy programs, microseconds a tick, the import, a large heap.

    python benchmarks/watcher.py [--fragmented GIGABYTES] [--skip-instructions]

Watching is paid by the second (ticks) and by the collection (the callback), a program's own instructions by the round
of work. Under an instruction counter that slows everything fifty times, ticks would weigh fifty times too much. So
each price is counted by itself, as the difference of two run lengths, which leaves start-up out:

    share = (ticks a second x instructions a tick + watched collections a second x instructions a collection)
            / (rounds a second, uncounted x instructions a round)

Instructions are counted by `perf stat` where the machine has hardware counters, else by valgrind's callgrind.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CHILD = [sys.executable, str(Path(__file__).with_name("workloads.py"))]
NEVER = 3600.0
SERVICE = {"pace": "service"}
SERVICE_TICKS = 1.0
SETTLE = 3.0
NO_TICK = {"pace": "service", "tick": NEVER, "sample": NEVER}
FAST_TICK = {"pace": "service", "tick": 0.02}

ROUNDS = {"flask": (200, 600), "json": (60, 180), "containers": (150, 450)}
"""Short and long run of each program under the counter; ten times the long one is timed without it."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A command that runs another one and tells its instructions in user space."""

    name: str
    prefix: list[str]
    pattern: str

    def count(self, command: list[str], environment: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The instructions of *command*, and the JSON that it printed."""
        done = subprocess.run([*self.prefix, *command], capture_output=True, text=True, env=environment, check=True)
        found = re.search(self.pattern, done.stderr)
        if found is None:
            raise SystemExit(f"{self.name} printed no count:\n{done.stderr}")
        return int(found[1].replace(",", "")), json.loads(done.stdout or "{}")


PERF = Counter("perf stat", ["perf", "stat", "-x;", "-e", "instructions:u"], r"(\d+);[^;]*;instructions:u")
CALLGRIND = Counter(
    "callgrind", ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"], r"Collected : (\d+)"
)


def choose_counter() -> Counter:
    """Hardware counters if they count, else callgrind; ends the program where neither is there."""
    if shutil.which("perf"):
        tried = subprocess.run([*PERF.prefix, "true"], capture_output=True, text=True, check=False)
        if re.search(PERF.pattern, tried.stderr):
            return PERF
    if shutil.which("valgrind"):
        return CALLGRIND
    raise SystemExit("neither perf with hardware counters nor valgrind is here; --skip-instructions does the rest")


def environment(cache: str) -> dict[str, str]:
    """For the children: this tree's memwatch, the same hashes each time, compiled modules in *cache*."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MEMWATCH"))}
    return {**keep, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": cache}


class Bench:
    """Runs the workloads in children of their own."""

    def __init__(self, cache: str) -> None:
        self.environment = environment(cache)

    def run(self, name: str, rounds: int, watch: dict[str, Any] | None = None, settle: float = 0.0) -> dict[str, Any]:
        """What the workload reports of itself, after it has worked for *settle* seconds."""
        command = [*self.command(name, rounds, watch), "--settle", str(settle)]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, check=True)
        return dict(json.loads(done.stdout))

    def command(self, name: str, rounds: int, watch: dict[str, Any] | None) -> list[str]:
        return [*CHILD, name, str(rounds), *(["--watch", json.dumps(watch)] if watch is not None else [])]

    def instructions(
        self, counter: Counter, name: str, lengths: tuple[int, int], watch: dict[str, Any] | None
    ) -> float:
        """Instructions a round, from the difference of two lengths."""
        self.run(name, 1, watch)
        short, long = (counter.count(self.command(name, rounds, watch), self.environment) for rounds in lengths)
        return (long[0] - short[0]) / (lengths[1] - lengths[0])


def measure_instructions(bench: Bench, counter: Counter) -> list[str]:
    """The table of shares, and the two prices above it."""
    tick = bench.instructions(counter, "tick", (200, 1200), None)
    watched = bench.instructions(counter, "collections", (2000, 12000), NO_TICK)
    collection = watched - bench.instructions(counter, "collections", (2000, 12000), None)
    lines = [
        f"A tick: {tick:,.0f} instructions. A watched young collection: {collection:,.0f} instructions.",
        "",
        "| program | instructions/s | collections/s | with the callback in place | cost of watching |",
        "|---|---:|---:|---:|---:|",
    ]
    return lines + [row_of(bench, counter, name, tick, collection) for name in ROUNDS]


def row_of(bench: Bench, counter: Counter, name: str, tick: float, collection: float) -> str:
    """One program: how busy it is when nobody counts, and what share of that watching adds."""
    round_ = bench.instructions(counter, name, ROUNDS[name], None)
    trial = bench.run(name, ROUNDS[name][1])
    per_second = ROUNDS[name][1] / trial["wall"]
    native = bench.run(name, round(10 * per_second), SERVICE, settle=SETTLE)
    busy = round_ * round(10 * per_second) / native["wall"]
    collections = native["collections"] / native["wall"]
    share = (SERVICE_TICKS * tick + collections * native["attached"] * collection) / busy
    return f"| {name} | {busy / 1e9:.2f} G | {collections:,.0f} | {native['attached']:.0%} | {share:.3%} |"


def measure_ticks(bench: Bench, rounds: int = 100) -> str:
    """Processor time a tick, from an idle process that ticks fifty times a second, against one that is not watched."""
    watched, idle = bench.run("idle", rounds, FAST_TICK), bench.run("idle", rounds)
    microseconds = (watched["cpu"] - idle["cpu"]) / watched["readings"] * 1e6
    looped = bench.run("tick", 20_000)["cpu"] / 20_000 * 1e6
    return (
        f"A tick takes {looped:.1f} us of processor time in a loop, and {microseconds:.0f} us "
        f"when it has to wake up for it ({watched['readings']} ticks of an idle process)."
    )


def measure_import(bench: Bench, pairs: int = 21) -> list[str]:
    """Wall time that an import adds to a fresh interpreter: medians over pairs, one without and one with it."""
    lines = ["| import | milliseconds, median of the differences | quartiles |", "|---|---:|---:|"]
    for statement in ("import blinker", "import memwatch"):
        run_python(bench, statement)
        added = [(run_python(bench, statement) - run_python(bench, "pass")) * 1e3 for _ in range(pairs)]
        low, middle, high = statistics.quantiles(added, n=4)
        lines.append(f"| `{statement}` | {middle:.1f} | {low:.1f} to {high:.1f} |")
    return [*lines, "", f"Of psutil and objgraph, `import memwatch` loads {loaded_heavy(bench) or 'neither'}."]


def loaded_heavy(bench: Bench) -> str:
    """Those of the heavy packages that `import memwatch` brings with it."""
    code = "import sys, memwatch; print(*sorted({'psutil', 'objgraph'} & sys.modules.keys()))"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=bench.environment, check=True).stdout.strip()


def run_python(bench: Bench, statement: str) -> float:
    """Seconds that a fresh interpreter needs for *statement*, as the interpreter's caller sees them."""
    code = "import subprocess, sys, time; t = time.perf_counter(); subprocess.run(sys.argv[1:], check=True)"
    clock = [sys.executable, "-c", f"{code}; print(time.perf_counter() - t)", sys.executable, "-c", statement]
    return float(subprocess.run(clock, capture_output=True, text=True, env=bench.environment, check=True).stdout)


def measure_fragmented(bench: Bench, gigabytes: float) -> str:
    """The longest hold and the share of the processor beside a large heap of which every second piece was freed."""
    did = bench.run(f"fragmented:{gigabytes:g}", 300, SERVICE)
    pause = did["longest_pause_seconds"]
    return (
        f"Fragmented heap, {gigabytes:g} GB with every second piece freed: longest reading {pause * 1e3:.2f} ms, "
        f"{did['cpu_share']:.3%} of a processor over {did['readings']} readings in {did['wall']:.0f} s."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--skip-instructions", action="store_true", help="the parts that need no counter")
    parser.add_argument("--fragmented", type=float, metavar="GIGABYTES", help="also beside a heap of this size")
    given = parser.parse_args()
    command = " ".join(["python benchmarks/watcher.py", *sys.argv[1:]])
    print(f"`{command}`, {date.today()}, CPython {platform.python_version()}, {platform.machine()}\n")
    with tempfile.TemporaryDirectory() as cache:
        bench = Bench(cache)
        if not given.skip_instructions:
            counter = choose_counter()
            print(f'Counted by {counter.name}, pace "service".', *measure_instructions(bench, counter), "", sep="\n")
        print(measure_ticks(bench), "", *measure_import(bench), sep="\n")
        if given.fragmented:
            print("", measure_fragmented(bench, given.fragmented), sep="\n")


if __name__ == "__main__":
    main()
