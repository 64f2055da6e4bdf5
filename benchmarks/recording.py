"""Many processes that record into one file: is anything lost, how long does a write take, what does it cost?

    python benchmarks/recording.py [--processes 32] [--seconds 600]

Each process writes a reading a second, as a watched one does, and the report of one leak; the times are its own. What a
write waited for is told apart by the kernel's count of the time that a thread was ready and had no processor: the rest,
without its own work, are other processes' writes and the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import tempfile
import time

from memwatch.recording.writer import Writer
from memwatch.watch import Leak, Sample
from memwatch.watch.sample import as_datetime

MIB = 1 << 20
REPORT_BYTES, PAGE_BYTES = 20_000, 60_000


class Report:
    """A report as large as those of real leaks; its page is not made while a write is timed."""

    def __init__(self) -> None:
        self.page = "".join(random.choices("abcdefgh <>/=", k=PAGE_BYTES))

    def to_dict(self) -> dict[str, object]:
        rows = [{"what": f"app.Type{number}", "count": 1, "size_bytes": 1} for number in range(20)]
        return {"schema": 1, "fingerprint": "0123456789ab", "rows": rows, "filling": "x" * REPORT_BYTES}

    def to_html(self) -> str:
        return self.page

    def __str__(self) -> str:
        return "LEAK\n" + "x" * 2000


def waited() -> float:
    """Seconds that this thread has been ready to run and had no processor."""
    with open("/proc/thread-self/schedstat", encoding="ascii") as file:
        return int(file.read().split()[1]) / 1e9


def one(path: str, seconds: float, number: int) -> dict[str, float]:
    """One process: what it saw of its own writes."""
    random.seed(number)
    time.sleep(random.random())
    writer, took, blocked, used = Writer(path), [], [], 0.0
    begun = time.monotonic()
    at = as_datetime(1000.0)
    leak = Leak(at, at, MIB, "heap growth", MIB, "ratchet", "objects", Report())
    for second in range(int(seconds)):
        time.sleep(max(0.0, begun + second + 1 - time.monotonic()))
        clock = time.monotonic()
        sample = Sample(time.time(), clock, "tick", 100 * MIB, 120 * MIB, 1, 1, 1, 1, 0, 0, 0.0, ())
        before = time.perf_counter(), time.thread_time(), waited()
        writer.tick(sample)
        if second == 59:
            writer.leak(leak)
        took.append(time.perf_counter() - before[0])
        own, idle = time.thread_time() - before[1], waited() - before[2]
        used += own
        blocked.append(took[-1] - own - idle)
    writer.end()
    took.sort()
    return {
        "longest": took[-1], "p99": took[len(took) * 99 // 100], "median": took[len(took) // 2],
        "over": sum(it > 0.05 for it in took), "share": used / seconds, "lost": writer.lost, "readings": len(took),
        "blocked_over": sum(it > 0.05 for it in blocked), "blocked": max(blocked),
    }  # fmt: skip


def run(path: str, processes: int, seconds: float) -> list[dict[str, float]]:
    """All processes beside each other."""
    pipes = []
    for number in range(processes):
        heard, told = os.pipe()
        if not os.fork():
            os.write(told, json.dumps(one(path, seconds, number)).encode())
            os._exit(0)
        os.close(told)
        pipes.append(heard)
    found = [json.loads(os.read(heard, 1 << 16)) for heard in pipes]
    for _ in pipes:
        os.wait()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--folder", help="where the recording is made (default: a new folder)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = os.path.join(folder, "all.db")
        found = run(path, args.processes, args.seconds)
        size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
        connection = sqlite3.connect(path)
        written = connection.execute("select count(*) from meters").fetchone()[0]
        leaks = connection.execute("select count(*) from leaks").fetchone()[0]
        connection.close()
    hours = args.processes * args.seconds / 3600
    expected = sum(it["readings"] for it in found)
    print(f"{args.processes} processes, {args.seconds:g} s: {written} of {expected:g} readings, {leaks} leaks")
    print(f"lost {sum(it['lost'] for it in found):g}; writes above 50 ms: {sum(it['over'] for it in found):g}")
    blocked = sum(it["blocked_over"] for it in found)
    longest = 1000 * max(it["blocked"] for it in found)
    print(f"blocked by others or the disk above 50 ms: {blocked:g}, longest {longest:.0f} ms")
    worst = {name: 1000 * max(it[name] for it in found) for name in ("median", "p99", "longest")}
    print("a write, of the worst process each: " + ", ".join(f"{name} {it:.2f} ms" for name, it in worst.items()))
    share = max(it["share"] for it in found)
    print(f"processor time of a process: {share:.3%} of a core; {size / hours / MIB:.2f} MiB a process-hour")


if __name__ == "__main__":
    main()
