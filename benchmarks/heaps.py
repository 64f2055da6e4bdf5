"""What a report names where the heap is as large as a service's: a churning heap of orders, and a list that leaks.

    python benchmarks/heaps.py [--objects 1e6 4e6] [--rate 200e3] [--seconds 200] [--pause-budget 0.1] [--late]
    python benchmarks/heaps.py --service --hourly 30 --requests 20 --seconds 1800
    python benchmarks/heaps.py --objects 2e6 --late --arrays 4      (or --threads 3000, or --tasks 3000)

Each size runs in a process of its own under `memwatch run`, with what `run` does by itself; or --late, watched in the
same way from when the heap is there, for a start-up that takes minutes is a growth of its own; or --service, with
`memwatch.start()` and its defaults from the first line on. --hourly is a rate in per cent of what is resident. A
request replaces one order (a dict of texts, numbers and a list of dicts) and appends one `Session` to the list
`SESSIONS`, which nobody empties: so many bytes a second. The first suspect is right if its type is `Session` (or a part
of one), its line is one that makes the session, its path leads through the list, and its cause speaks of a container.
--arrays are so many GB in numpy arrays of 64 MB, --threads and --tasks wait for something, 30 calls deep.
The first report stands in the row, the last one told within the time behind it. `gap` is the longest time that one
request took.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SESSIONS: list[Session] = []
ORDERS: dict[int, dict[str, Any]] = {}
BESIDE: list[Any] = []
_TEXT = 41  # bytes of a short text beside its characters
_DEPTH = 30  # calls or coroutines, of a thread or task that waits
_FIRST = 10**9  # order: a later one has as many digits, or orders that are replaced would grow


class Session:
    """What stays of a request."""

    def __init__(self, number: int, size: int) -> None:
        self.user = number
        self.token = f"{number:x}".ljust(size, "-")


def make_order(number: int) -> dict[str, Any]:
    """Some twenty objects."""
    lines = [{"sku": f"sku-{number}-{place}", "price": number * 1.25, "count": place} for place in range(3)]
    return {"number": number, "customer": f"customer {number}", "lines": lines, "tags": [f"tag {number}", "paid"]}


def fill(objects: int) -> None:
    """Make orders until the interpreter has so many blocks."""
    gc.disable()
    number = _FIRST
    while sys.getallocatedblocks() < objects:
        for _ in range(100):
            number += 1
            ORDERS[number] = make_order(number)
    gc.enable()


def fill_beside(arguments: argparse.Namespace) -> None:
    """What else a service may hold: arrays, threads and tasks that wait."""
    if arguments.arrays:
        import numpy as np

        BESIDE.extend(np.ones(1 << 23) for _ in range(int(arguments.arrays * 16)))
    gate = threading.Event()
    for _ in range(arguments.threads):
        threading.Thread(target=wait_deep, args=(gate, _DEPTH), daemon=True).start()
    if arguments.tasks:
        loop = asyncio.new_event_loop()
        BESIDE.extend(loop.create_task(sleep_deep(_DEPTH)) for _ in range(arguments.tasks))
        threading.Thread(target=loop.run_forever, daemon=True).start()


def wait_deep(gate: threading.Event, depth: int) -> None:
    """Wait for *gate* so many calls below."""
    if depth:
        wait_deep(gate, depth - 1)
    else:
        gate.wait()


async def sleep_deep(depth: int) -> None:
    """Sleep so many coroutines below."""
    await (sleep_deep(depth - 1) if depth else asyncio.sleep(1e6))


def resident() -> int:
    """Bytes of resident memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def serve(requests: int, rate: float, seconds: float) -> None:
    """Requests until the time is over; says at the end what the slowest took."""
    size = max(16, int(rate / requests) - 150 - _TEXT)
    rng, begun, slowest, number = random.Random(1), time.monotonic(), 0.0, 0
    numbers = list(ORDERS)
    after = numbers[-1]
    while (now := time.monotonic()) < begun + seconds:
        due = begun + number / requests
        if now < due:
            time.sleep(due - now)
        started, number = time.monotonic(), number + 1
        place = rng.randrange(len(numbers))
        del ORDERS[numbers[place]]
        numbers[place] = after + number
        ORDERS[numbers[place]] = make_order(numbers[place])
        SESSIONS.append(Session(number, size))
        slowest = max(slowest, time.monotonic() - started)
    print(json.dumps({"slowest": slowest, "requests": number, "blocks": sys.getallocatedblocks()}))


def watch(events: str, service: bool) -> None:
    """Watch this process from now on as `memwatch run` does, or as a service does."""
    import memwatch

    def note(name: str, data: Any) -> None:
        with open(events, "a", encoding="utf-8") as stream:
            print(json.dumps({"event": name, "time": time.time(), "data": data}), file=stream)

    note("begin", None)
    memwatch.on("leak", lambda leak: note("leak", leak.to_dict()))
    memwatch.on("suspect", lambda suspicion: note("suspect", suspicion.to_dict()))
    budget = float(os.environ["MEMWATCH_PAUSE_BUDGET"])
    if service:
        memwatch.start(pause_budget=budget)
    else:
        memwatch.start(pace="job", sample_interval=65536, pause_budget=budget)


def run(objects: int, arguments: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The events of one run, and what the program says of itself."""
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.jsonl"
        program = [__file__, "--serve", str(objects), "--rate", str(arguments.rate)]
        program += ["--requests", str(arguments.requests), "--seconds", str(arguments.seconds)]
        for name in ("hourly", "arrays", "threads", "tasks"):
            program += [f"--{name}", str(getattr(arguments, name))]
        command = [sys.executable, "-m", "memwatch", "run", "--json", str(events), *program]
        if arguments.late or arguments.service:
            command = [
                sys.executable,
                *program,
                "--events",
                str(events),
                *["--service" if arguments.service else "--late"],
            ]
        environment = {**os.environ, "MEMWATCH_PAUSE_BUDGET": str(arguments.pause_budget)}
        done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True)
        said = json.loads(done.stdout.splitlines()[-1])
        return [json.loads(line) for line in events.read_text().splitlines()], said


def row(objects: int, events: list[dict[str, Any]], said: dict[str, Any]) -> Iterator[str]:
    """What was told, and whether it is right, for a reader."""
    began = next((event["time"] for event in events), 0.0)
    leaks = [event for event in events if event["event"] == "leak"]
    gap = f"{1000 * said['slowest']:.0f} ms"
    yield f"{objects:,} objects asked, {said['blocks']:,} blocks, {len(leaks)} reports, gap {gap}"
    for event in leaks[:1] + leaks[1:][-1:]:
        yield from _told(event["data"], event["time"] - began)


def _told(leak: dict[str, Any], after: float) -> Iterator[str]:
    report = leak["report"]
    first = (report["suspects"] or [{}])[0]
    lines = [f"{Path(frame['file']).name}:{frame['line']}" for frame in first.get("allocated_at", [])[:3]]
    held = " > ".join(first.get("held_by") or [])
    yield f"  told after {after:.0f} s: {leak['verdict']}; explained {report.get('explained')}"
    yield f"    type    {'right' if first.get('type', '').endswith('Session') else 'WRONG'}  {first.get('type')}"
    yield f"    line    {'right' if any('heaps.py' in line for line in lines) else 'WRONG'}  {', '.join(lines)}"
    yield f"    holder  {'right' if 'SESSIONS' in held else 'WRONG'}  {held}"
    yield f"    cause   {first.get('cause')}"
    yield f"    cost    {report.get('cost')}"
    for missing in report["missing"]:
        yield f"    missing {missing}"


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=float, nargs="+", default=[1e6, 4e6])
    parser.add_argument("--rate", type=float, default=200e3, help="bytes a second that leak")
    parser.add_argument("--requests", type=int, default=200, help="requests a second")
    parser.add_argument("--seconds", type=float, default=200.0)
    parser.add_argument("--pause-budget", type=float, default=0.1)
    parser.add_argument("--hourly", type=float, default=0.0, help="per cent of what is resident, instead of --rate")
    parser.add_argument("--arrays", type=float, default=0.0, help="GB of numpy arrays beside the orders")
    parser.add_argument("--threads", type=int, default=0, help="that wait")
    parser.add_argument("--tasks", type=int, default=0, help="that wait")
    parser.add_argument("--late", action="store_true", help="watch when the heap is there")
    parser.add_argument("--service", action="store_true", help="watch as a service does")
    parser.add_argument("--events", help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        if arguments.service:
            watch(arguments.events, True)
        fill(arguments.serve)
        fill_beside(arguments)
        if arguments.late:
            watch(arguments.events, False)
        rate = arguments.hourly / 100 / 3600 * resident() if arguments.hourly else arguments.rate
        serve(arguments.requests, rate, arguments.seconds)
        return
    print(f"CPython {platform.python_version()}, {arguments.rate / 1e3:.0f} KB/s")
    for objects in arguments.objects:
        for line in row(int(objects), *run(int(objects), arguments)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
