"""Bounded things that fill for minutes, and their leaking twins, each watched by `memwatch run` as it is by default.

    python benchmarks/bounded.py [--seconds 600] [--leak-seconds 150] [--jobs 4] [--only NAME,NAME] [--json FOLDER]

The programs stand in the folder beside this file; each says at its head what holds its memory, how fast it fills and
what the leak is (cachetools, diskcache, numpy, SQLAlchemy and zict must be installed). A healthy program must bring no
`leak` at all, a leaking one a `leak` whose first suspect has the holder that the program's docstring names. Prints a
markdown table; exit status 1 where one was told wrongly. With --json the events of each run stay in that folder.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).with_suffix("")
SHARED = "steady"
VARIANTS = ("healthy", "leak")
_HOLDER = re.compile(r"^Holder: (.+)$", re.MULTILINE)
_PATIENCE = 60.0
_HEAD = "| program | variant | told | first suspect | held by | events | |\n|---|---|---|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Run:
    """One program to watch; `holder` are the words that the path to the leak's holder has, in this order."""

    path: Path
    variant: str
    seconds: float
    holder: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was said: the first leak's time (seconds since the start), suspect and path; `status` is the program's."""

    run: Run
    status: int
    events: tuple[str, ...]
    told: float | None = None
    suspect: str = ""
    held_by: tuple[str, ...] = ()
    last_line: str = ""

    @property
    def is_right(self) -> bool:
        """Healthy ones are silent, leaks are told with their holder."""
        if self.status or self.run.variant == "healthy":
            return not self.status and self.told is None
        return self.told is not None and has_words(self.held_by, self.run.holder)


def has_words(path: Iterable[str], words: Iterable[str]) -> bool:
    """Whether the path has all the words, one after the other."""
    text, place = " > ".join(path), 0
    for word in words:
        place = text.find(word, place)
        if place < 0:
            return False
        place += len(word)
    return True


def holder_of(path: Path) -> tuple[str, ...]:
    """The words of the line `Holder:` in the program's docstring."""
    found = _HOLDER.search(ast.get_docstring(ast.parse(path.read_text())) or "")
    return tuple(found.group(1).split()) if found else ()


def watch(run: Run, folder: Path) -> Outcome:
    """Run one program under `memwatch run`, at a low priority, and read its events."""
    events = folder / f"{run.path.stem}.{run.variant}.jsonl"
    events.unlink(missing_ok=True)
    begin = time.time()
    done = subprocess.run(
        [sys.executable, "-m", "memwatch", "run", "--json", str(events), str(run.path)],
        env={**os.environ, "CASE_VARIANT": run.variant, "CASE_SECONDS": str(run.seconds)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=run.seconds + _PATIENCE,
        check=False,
        preexec_fn=lambda: os.nice(5),
    )
    lines = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
    last = done.stderr.strip().splitlines()[-1:]
    return read_outcome(run, done.returncode, lines, begin, "".join(last))


def read_outcome(run: Run, status: int, lines: list[dict[str, Any]], begin: float, last: str) -> Outcome:
    """What the lines of the event file say."""
    said = tuple(f"{it['event']} {it['time'] - begin:.0f} s" for it in lines if it["event"] != "stats")
    leak = next((it for it in lines if it["event"] == "leak"), None)
    if leak is None:
        return Outcome(run, status, said, last_line=last)
    suspects = leak["data"]["report"]["suspects"]
    first = suspects[0] if suspects else {"type": leak["data"]["verdict"], "held_by": []}
    return Outcome(run, status, said, leak["time"] - begin, first["type"], tuple(first["held_by"] or ()), last)


def print_outcome(it: Outcome) -> None:
    """A row of the table."""
    told = "silent" if it.told is None else f"told after {it.told:.0f} s"
    mark = "" if it.is_right else "**wrong**" if not it.status else f"**ended with {it.status}**"
    held = " > ".join(it.held_by)
    cells = (it.run.path.stem, it.run.variant, told, f"`{it.suspect}`" * bool(it.suspect), f"`{held}`" * bool(held))
    others = ", ".join(it.events)
    print(f"| {' | '.join(cells)} | {others} | {mark} |", flush=True)


def main() -> int:
    """Run all that were asked for; 1 when one was told wrongly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="for each healthy program")
    parser.add_argument("--leak-seconds", type=float, default=150.0, help="for each leaking one")
    parser.add_argument("--jobs", type=int, default=4, help="at the same time")
    parser.add_argument("--only", metavar="NAME,NAME", help="these programs alone")
    parser.add_argument("--variant", choices=VARIANTS)
    parser.add_argument("--json", type=Path, metavar="FOLDER", help="keep the events there")
    options = parser.parse_args()
    only = options.only.split(",") if options.only else None
    paths = [it for it in sorted(PROGRAMS.glob("*.py")) if it.stem != SHARED and (only is None or it.stem in only)]
    seconds = {"healthy": options.seconds, "leak": options.leak_seconds}
    variants = [it for it in reversed(VARIANTS) if options.variant in (None, it)]
    runs = [Run(path, variant, seconds[variant], holder_of(path)) for variant in variants for path in paths]
    print(
        "| program | variant | told | first suspect | held by | events | |\n|---|---|---|---|---|---|---|", flush=True
    )
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(options.jobs) as pool:
        folder = options.json or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        outcomes = []
        for outcome in pool.map(lambda run: watch(run, folder), runs):
            outcomes.append(outcome)
            print_outcome(outcome)
    wrong = sum(not outcome.is_right for outcome in outcomes)
    print(f"\n{len(outcomes)} runs, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
