"""What exporters cost: a scrape in milliseconds, and each in instructions, as a share of what a busy program does.

    python benchmarks/exporters.py [--program NAME] [--skip-instructions]

Each is called again and again in a process that is watched, has a leak that goes on, and some 450 live samples at fifty
places, of which a tenth is replaced before each call. The price of a call is counted by callgrind, which needs valgrind
with its headers and a C compiler. The share is that price once a second, and also at the rate at which each is asked
for or sends in the field, of the instructions that a busy program runs in a second of processor time. Nothing is sent:
requests end where they would leave the process.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import itertools
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sampler import build_counter, read_parts
from watcher import ROUNDS, Bench, choose_counter

GOAL_MILLISECONDS = 5.0
GOAL_SHARE = 0.001
KEPT: list[Any] = []
TURNS = itertools.count()


@dataclass(frozen=True)
class Exporter:
    """A name, the call that is made, and every how many seconds it is made by default."""

    name: str
    make: Callable[[], Callable[[], object]]
    every: float = 1.0


def make_scrape() -> Callable[[], object]:
    """One scrape, as a server would make it."""
    from prometheus_client import CollectorRegistry, generate_latest

    from memwatch.export import prometheus

    registry = CollectorRegistry()
    prometheus.register(registry)
    return lambda: generate_latest(registry)


def make_files() -> Callable[[], object]:
    """One tick of the multiprocess mode."""
    import os

    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp()
    import prometheus_client

    from memwatch.export import prometheus

    return prometheus.Files(prometheus_client).write


def make_otel() -> Callable[[], object]:
    """One collection by the SDK."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    from memwatch.export import otel

    reader = InMemoryMetricReader()
    otel.register(MeterProvider([reader]))

    def collect() -> None:
        otel._exporter[0]._state = float("-inf"), None  # as after half a second
        reader.get_metrics_data()

    return collect


def make_pyroscope() -> Callable[[], object]:
    """One heap profile, until it lies in the box; a part of the heap has changed since the one before."""
    from memwatch.export import heap, pyroscope

    heap.start_sampling()
    allocate()
    return pyroscope.Profiles("bench").make


def make_otlp_profile() -> Callable[[], object]:
    """The same over OTLP."""
    from memwatch.export import heap, otlp_profiles
    from memwatch.export.kept import Kept

    heap.start_sampling()
    allocate()
    messages = otlp_profiles.load_messages()
    writer = Kept(lambda: otlp_profiles.Writer(messages, {"service.name": "bench"}))
    return lambda: otlp_profiles._make(writer)


EXPORTERS = (
    Exporter("Prometheus, a scrape", make_scrape, 15.0),
    Exporter("Prometheus, multiprocess mode, a tick", make_files),
    Exporter("OpenTelemetry, a collection", make_otel, 60.0),
    Exporter("heap profile for Pyroscope", make_pyroscope, 15.0),
    Exporter("heap profile over OTLP", make_otlp_profile, 60.0),
)


def allocate() -> None:
    """About a thousand samples, from fifty places."""
    for number in range(50):
        names: dict[str, Any] = {"kept": KEPT}
        exec(f"def f{number}():\n    kept.extend(bytearray(1 << 20) for _ in range(10))\nf{number}()", names)


def replace() -> None:
    """A tenth of the blocks by new ones, allocated at another place: what changes between two heap profiles."""
    tenth = len(KEPT) // 10
    start = next(TURNS) % 10 * tenth
    KEPT[start : start + tenth] = [bytearray(1 << 20) for _ in range(tenth)]


def leak_on() -> None:
    """A leak that goes on, whose report has suspects and a path."""
    import memwatch
    from memwatch.retain import RetainingPath
    from memwatch.retain.steps import Edge, EdgeKind, Root, RootKind, Step

    path = RetainingPath(Root(RootKind.MODULE, "json"), (Step(Edge(EdgeKind.ATTRIBUTE, "loads"), "dict"),))
    frame = {"function": "load", "file": json.__file__, "line": 12, "in_app": True}
    suspect = SimpleNamespace(type="json.decoder.JSONDecoder", held_by=path, allocated_at=(frame,))
    report = SimpleNamespace(suspects=(suspect,), fingerprint="0123456789ab")
    leak = SimpleNamespace(report=report, verdict="objects", growth=1 << 20, rate_per_hour=1e6)
    watcher = memwatch.start(pace="service", tick=3600.0, sample=3600.0, profile=False)
    memwatch.gc()
    watcher._observer._open[0] = leak


def work(name: str, rounds: int, library: str) -> None:
    """The child: *rounds* calls, and what they took. Instructions are counted where *library* can have them counted."""
    leak_on()
    make = {it.name: it.make for it in EXPORTERS}[name]
    call = make()
    gc.disable()  # when collections come depends on everything
    for _ in range(3):
        replace()
        call()
    counter = ctypes.CDLL(library)
    counter.start_counting()
    took = []
    for _ in range(rounds):
        replace()
        counter.begin_part()
        begun = time.perf_counter()
        call()
        took.append(time.perf_counter() - begun)
        counter.end_part(b"exporter")
    print(json.dumps({"median": statistics.median(took), "worst": max(took)}))


def run(bench: Bench, name: str, rounds: int, library: str, *tool: str) -> dict[str, float]:
    """The child, below *tool*; what it printed."""
    command = [*tool, sys.executable, __file__, "--child", name, str(rounds), library]
    done = subprocess.run(command, capture_output=True, text=True, env=bench.environment, check=True)
    return dict(json.loads(done.stdout))


def instructions(bench: Bench, name: str, library: str, rounds: int = 5) -> float:
    """Instructions a call."""
    with tempfile.TemporaryDirectory() as folder:
        tool = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/callgrind"]
        run(bench, name, rounds, library, *tool)
        return sum(read_parts(Path(folder))["exporter"]) / rounds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--program", choices=sorted(ROUNDS), default="flask", help="the busy program (flask)")
    parser.add_argument("--busy", type=float, default=0.0, metavar="G", help="its instructions a second, if known")
    parser.add_argument("--skip-instructions", action="store_true", help="the times alone")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        work(given.child[0], int(given.child[1]), given.child[2])
        return
    print(f"`{' '.join(['python benchmarks/exporters.py', *sys.argv[1:]])}`, {date.today()}, {about()}\n")
    with tempfile.TemporaryDirectory() as cache:
        bench = Bench(cache)
        bench.environment["PYTHONPATH"] += f":{Path(__file__).parent}"
        table(bench, build_counter(cache), given)


def about() -> str:
    return f"CPython {platform.python_version()}, {platform.machine()}"


def table(bench: Bench, library: str, given: argparse.Namespace) -> None:
    """A row for each exporter, and their sum."""
    busy = given.busy * 1e9 or (0.0 if given.skip_instructions else busy_instructions(bench, given.program))
    if busy:
        print(f"Counted by callgrind; {given.program} runs {busy / 1e9:.2f} G instructions a second.\n")
    print("| exporter | ms, median | worst of 200 | instructions | share at 1 Hz | at its own rate |")
    print("|---|---:|---:|---:|---:|---:|")
    sums = [0.0, 0.0]
    for exporter in EXPORTERS:
        took = run(bench, exporter.name, 200, library)
        price = instructions(bench, exporter.name, library) if busy else 0.0
        shares = (price / busy, price / busy / exporter.every) if busy else (0.0, 0.0)
        sums = [total + share for total, share in zip(sums, shares, strict=True)]
        told = f"{price:,.0f} | {shares[0]:.3%} | {shares[1]:.4%}" if busy else "| |"
        print(f"| {exporter.name} | {took['median'] * 1e3:.2f} | {took['worst'] * 1e3:.2f} | {told} |", flush=True)
    if busy:
        print(f"| all of them | | | | {sums[0]:.3%} | {sums[1]:.4%} |")
    print(f"\nGoals: a scrape {GOAL_MILLISECONDS:g} ms, all at 1 Hz {GOAL_SHARE:.1%}.")


def busy_instructions(bench: Bench, program: str) -> float:
    """What the program runs in a second when nobody counts and nothing watches."""
    a_round = bench.instructions(choose_counter(), program, ROUNDS[program], None)
    trial = bench.run(program, 3 * ROUNDS[program][1])
    return a_round * 3 * ROUNDS[program][1] / float(trial["cpu"])


if __name__ == "__main__":
    main()
