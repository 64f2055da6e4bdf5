"""How right the figures of a report are: growth and rate on ten kinds of leak, beside what the program itself counts.

    python benchmarks/truth.py [--at-once N] [--seconds S] [--rate KIB] [KIND ...]

Each kind is a program of its own under `memwatch run`, which keeps ever more blocks of one kind and writes down how
many bytes that are: what the allocator gives for them, and for the tuples that they are in. Truth is what came in the
window that the report speaks of. Of `interpreters` it is not known. The exit status is 1 if an error is above 10 %, or
half of them above 3 %.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import mmap
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

MOST_ERROR, MOST_MEDIAN = 0.10, 0.03
STEP = 0.05  # seconds between two portions of the leak


class Row:
    """96 bytes: the collector's head, the object's, and eight attributes."""

    __slots__ = ("a", "b", "c", "d", "e", "f", "g", "h")


def given(size: int) -> int:
    """What the allocator gives for *size* bytes: Python's own in steps of 16, malloc with 8 bytes for itself."""
    return (size + 15) // 16 * 16 if size <= 512 else (size + 8 + 15) // 16 * 16


def make_array() -> Any:
    import numpy as np

    return np.ones(6250)


def make_malloc() -> int:
    address = libc.malloc(2000)
    ctypes.memset(address, 1, 2000)
    return int(address)


def make_mapping() -> mmap.mmap:
    mapping = mmap.mmap(-1, 65536)
    for page in range(0, 65536, 4096):
        mapping[page] = 1
    return mapping


def make_interpreter() -> Any:
    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    interpreters = import_module(name)
    made = interpreters.create()
    interpreters.run_string(made, "import json; kept = [object() for _ in range(10_000)]")
    return made


libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]

KINDS: dict[str, tuple[Callable[[], object], int]] = {
    "16": (object, 16),
    "32": (lambda: 0.5 * time.perf_counter(), 32),
    "96": (Row, 96),
    "489": (lambda: bytes(489 - 33), given(489)),
    "600": (lambda: bytes(600 - 33), given(600)),
    "5000": (lambda: bytes(5000 - 33), given(5000)),
    "bytearray": (lambda: bytearray(b"x" * 99_999), given(100_000) + given(56)),
    "numpy": (make_array, given(50_000) + given(112)),
    "malloc": (make_malloc, given(2000)),
    "mmap": (make_mapping, 65536),
    "interpreters": (make_interpreter, 1 << 21),
}
"""What makes one block, and its bytes. An address of `malloc` is an int of 32 bytes that is kept, too."""

KEPT: list[tuple[object, ...]] = []

SMALL_BESIDE = {"malloc": 32, "mmap": 96}


def leak(kind: str, seconds: float, rate: float, log: Path) -> None:
    """The program: *rate* bytes a second for so many *seconds*; each line of *log* is a time and the bytes kept."""
    make, size = KINDS[kind]
    size += SMALL_BESIDE.get(kind, 0)
    make()
    total, begun = 0, time.monotonic()
    with log.open("w", buffering=1) as file:
        while (passed := time.monotonic() - begun) < seconds:
            portion = tuple([make() for _ in range(round((rate * passed - total) / size))])
            KEPT.append(portion)
            total += len(portion) * size + given(sys.getsizeof(portion))
            file.write(f"{time.time()} {total}\n")
            time.sleep(STEP)


@dataclass(frozen=True)
class Outcome:
    """What was told of one kind and what was true, in bytes an hour and bytes; no growth told is None."""

    kind: str
    told_rate: float | None
    told_growth: int
    true_rate: float
    true_growth: float
    seconds: float
    verdict: str
    meter: str

    @property
    def error(self) -> float:
        """Of the rate, as a share of the truth; 1 where nothing was told."""
        return 1.0 if self.told_rate is None else self.told_rate / self.true_rate - 1


def events(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        yield from map(json.loads, path.read_text().splitlines())


def kept_at(log: Sequence[tuple[float, float]], moment: float) -> float:
    """Bytes that the program had kept, between two lines of its log in proportion."""
    place = min(max(bisect_left(log, (moment, 0.0)), 1), len(log) - 1)
    (before, low), (after, high) = log[place - 1], log[place]
    return low + (high - low) * (moment - before) / (after - before)


def measure(kind: str, seconds: float, rate: float) -> Outcome:
    """Run one kind under `memwatch run` and read what it told of the first leak."""
    with tempfile.TemporaryDirectory() as folder:
        told, log = Path(folder, "told.jsonl"), Path(folder, "log")
        program = [__file__, "--leak", kind, "--seconds", str(seconds), "--rate", str(rate / 1024), "--log", str(log)]
        command = [sys.executable, "-m", "memwatch", "run", "--json", str(told), *program]
        subprocess.run(command, check=True, capture_output=True, timeout=seconds + 120, env=dict(os.environ))
        lines = [line.split() for line in log.read_text().splitlines()]
        kept = [(float(moment), float(count)) for moment, count in lines]
        leaks = [event["data"] for event in events(told) if event["event"] == "leak"]
    if not leaks:
        return Outcome(kind, None, 0, 3600 * rate, 0, 0.0, "", "")
    first = leaks[0]
    start, end = (datetime.fromisoformat(first[name]).timestamp() for name in ("start", "end"))
    true = kept_at(kept, end) - kept_at(kept, start)
    meter = first["reason"].partition(" ")[0]
    return Outcome(
        kind, first["rate_per_hour"], first["growth"], 3600 * true / (end - start), true, end - start,
        first["verdict"], meter,
    )  # fmt: skip


def mib(size: float) -> str:
    return f"{size / 2**20:,.1f}"


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as rows for a README."""
    lines = ["| kind | told, MiB/h | true, MiB/h | error | growth told, MiB | true, MiB | meter, verdict |"]
    lines.append("|---|---|---|---|---|---|---|")
    for it in outcomes:
        if it.told_rate is None:
            lines.append(f"| {it.kind} | nothing | {mib(it.true_rate)} | | | | |")
        else:
            lines.append(
                f"| {it.kind} | {mib(it.told_rate)} | {mib(it.true_rate)} | {it.error:+.1%} |"
                f" {mib(it.told_growth)} | {mib(it.true_growth)} | {it.meter}, {it.verdict} |"
            )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=[kind for kind in KINDS if kind != "interpreters"])
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=110)
    parser.add_argument("--rate", type=float, default=150, help="KiB a second")
    parser.add_argument("--leak", help=argparse.SUPPRESS)
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.leak:
        leak(options.leak, options.seconds, options.rate * 1024, options.log)
        return 0
    from memwatch import backend

    print(f"{date.today()}, CPython {platform.python_version()}, {backend.name}\n")
    with ThreadPoolExecutor(options.at_once) as pool:
        outcomes = list(pool.map(lambda kind: measure(kind, options.seconds, options.rate * 1024), options.kinds))
    print(table(outcomes))
    errors = [abs(it.error) for it in outcomes]
    print(f"\nmedian error {statistics.median(errors):.1%}, largest {max(errors):.1%}")
    return int(max(errors) > MOST_ERROR or statistics.median(errors) > MOST_MEDIAN)


if __name__ == "__main__":
    sys.exit(main())
