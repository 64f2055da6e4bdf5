"""Does it find leaks, and is it quiet? Programs with a known leak, their corrected twins, and healthy ones.

    python benchmarks/corpus.py [--python PATH ...] [--only NAME,NAME] [--jobs 4] [--load N ...] [--each]
                                [--json FOLDER]

The programs stand in the folder beside this file. Each docstring says what leaks, and what a report is to name: `Type`
of what grows, a part of the `Line` that allocates it, the words of the path to its `Holder`, or the `Verdict` where
no object leaks. A program without these is healthy; the others have a corrected twin, by CASE_VARIANT. Each is run by
`memwatch run` as it is by default, at a low priority, with each *--python* that is given (memwatch must be installed
there; what a program needs and is not there leaves it out), and with each *--load*: so many busy processes run beside
them, all at the same priority. *--service* 12 watches as a service is watched, with all times a twelfth: 25 minutes are
125 s.

Prints a row of the table in README for each Python and load, and with *--each* a row for each program. Exit status 1
if a leak was not found, or a healthy program or a twin was not silent.
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
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).with_suffix("")
SHARED = "steady"
_TRUTH = re.compile(r"^(Type|Line|Holder|Verdict): (.+)$", re.MULTILINE)
_PATIENCE = 120.0
_SCALED = """
import sys
from memwatch.cli import main
from memwatch.watch import pace
times, faster = pace.PACES["service"], float(sys.argv.pop(1))
names = ("sample", "group", "min_window", "confirm", "slow_confirm", "hold", "early", "suspect_cap", "confirm_cap")
shorter = {name: getattr(times, name) / faster for name in names}
pace.PACES["job"] = times._replace(tick=0.25, seasonal=False, **shorter)
sys.exit(main())
"""
_FRAMES = 3
HEAD = """\
| CPython | beside it | leaks found | healthy programs and twins silent | type | allocating line | holder |
|---|---|---|---|---|---|---|"""
HEAD_EACH = "| program | variant | reported | first suspect | allocated | held by | wrong |\n" + "|---" * 7 + "|"


@dataclass(frozen=True, slots=True)
class Run:
    """One program to watch, as the leak or without it; `truth` is what its docstring says."""

    path: Path
    variant: str
    seconds: float
    truth: dict[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was reported first, after so many seconds; `wrong` says what should have been otherwise."""

    run: Run
    reported: float | None
    suspect: dict[str, Any]
    wrong: tuple[str, ...]

    @property
    def row(self) -> str:
        """Of the table of all programs."""
        reported = "silent" if self.reported is None else f"after {self.reported:.0f} s"
        line = next((place(it) for it in self.suspect.get("allocated_at", ()) if it["in_app"]), "")
        words = [self.suspect.get("type", ""), line, " > ".join(self.suspect.get("held_by", ()))]
        cells = [self.run.path.stem, self.run.variant, reported, *(f"`{it}`" if it else "" for it in words)]
        return f"| {' | '.join(cells)} | {', '.join(self.wrong)} |"


def place(frame: dict[str, Any]) -> str:
    """``steady.py:29``"""
    return f"{Path(frame['file']).name}:{frame['line']}"


def truth_of(path: Path) -> dict[str, str]:
    """What the docstring says of the leak; empty for what is only healthy."""
    return {name: words.strip() for name, words in _TRUTH.findall(ast.get_docstring(ast.parse(path.read_text())) or "")}


def has_words(path: Iterable[str], words: Iterable[str]) -> bool:
    """Whether the path has all the words, one after the other."""
    text, start = " > ".join(path), 0
    for word in words:
        start = text.find(word, start)
        if start < 0:
            return False
        start += len(word)
    return True


def has_line(frames: Iterable[dict[str, Any]], part: str) -> bool:
    """Whether one of the innermost frames of the program is a line with that text."""
    own = [frame for frame in frames if Path(frame["file"]).parent == PROGRAMS][:_FRAMES]
    return any(part in Path(it["file"]).read_text().splitlines()[it["line"] - 1] for it in own)


def is_type(name: str, allowed: str) -> bool:
    """Whether *name*, with its module or without it, is one of the types in *allowed*."""
    return any(name == it or name.endswith(f".{it}") for it in allowed.split(" or "))


def faults(run: Run, verdict: str, suspect: dict[str, Any]) -> tuple[str, ...]:
    """What a leak's report does not name as it should."""
    checks: dict[str, Callable[[str], bool]] = {
        "Type": lambda words: is_type(suspect.get("type", ""), words),
        "Line": lambda words: has_line(suspect.get("allocated_at", ()), words),
        "Holder": lambda words: has_words(suspect.get("held_by", ()), words.split()),
        "Verdict": lambda words: verdict == words,
    }
    return tuple(name.lower() for name, words in run.truth.items() if not checks[name](words))


def watch(run: Run, python: str, folder: Path, faster: float = 0.0, niceness: int = 5) -> Outcome:
    """Run one program under `memwatch run`, and read its events; with *faster*, watched as a service so much faster."""
    events = folder / f"{run.path.stem}.{run.variant}.jsonl"
    events.unlink(missing_ok=True)
    begin = time.time()
    done = subprocess.run(
        [
            python,
            *(("-c", _SCALED, str(faster)) if faster else ("-m", "memwatch")),
            "run",
            "--json",
            str(events),
            str(run.path),
        ],
        env={**os.environ, "CASE_VARIANT": run.variant, "CASE_SECONDS": str(run.seconds)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=run.seconds + _PATIENCE,
        check=False,
        preexec_fn=lambda: os.nice(niceness),
    )
    lines = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
    if done.returncode:
        return Outcome(run, None, {}, (f"ended with {done.returncode}: {done.stderr.strip().splitlines()[-1]}",))
    return read_outcome(run, lines, begin)


def read_outcome(run: Run, lines: list[dict[str, Any]], begin: float) -> Outcome:
    """What the lines of the event file say."""
    leak = next((it for it in lines if it["event"] == "leak"), None)
    if leak is None:
        return Outcome(run, None, {}, ("not found",) if run.variant == "leak" else ())
    suspect: dict[str, Any] = next(iter(leak["data"]["report"]["suspects"]), {})
    wrong = faults(run, leak["data"]["verdict"], suspect) if run.variant == "leak" else ("not silent",)
    return Outcome(run, leak["time"] - begin, suspect, wrong)


def summary(outcomes: list[Outcome], version: str, beside: str) -> str:
    """The row of the table in README."""
    leaks = [it for it in outcomes if it.run.variant == "leak"]
    found = [it for it in leaks if it.reported is not None]
    quiet = [it for it in outcomes if it.run.variant == "healthy"]
    cells = [f"{len(found)} of {len(leaks)}", f"{sum(not it.wrong for it in quiet)} of {len(quiet)}"]
    for name in ("Type", "Line", "Holder"):
        asked = [it for it in found if name in it.run.truth]
        cells.append(f"{sum(name.lower() not in it.wrong for it in asked)}/{len(asked)}")
    return f"| {version} | {beside} | {' | '.join(cells)} |"


@contextmanager
def load(processes: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def runs_for(python: str, options: argparse.Namespace) -> list[Run]:
    """Leaks first; without programs that import what is not installed there."""
    only = options.only.split(",") if options.only else None
    runs = []
    for path in sorted(PROGRAMS.glob("*.py")):
        if path.stem == SHARED or (only is not None and path.stem not in only) or not can_run(python, path):
            continue
        truth = truth_of(path)
        runs += [Run(path, "leak", options.leak_seconds, truth)] if truth else []
        runs.append(Run(path, "healthy", options.seconds, truth))
    return sorted(runs, key=lambda run: run.variant != "leak")


def can_run(python: str, path: Path) -> bool:
    """Whether all that the program imports is there."""
    names = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {it.name for node in names if isinstance(node, ast.Import) for it in node.names}
    modules |= {node.module or "" for node in names if isinstance(node, ast.ImportFrom)} - {SHARED}
    code = f"import importlib\nfor name in {sorted(modules)!r}: importlib.import_module(name)"
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0


def version_of(python: str) -> str:
    """``3.12``"""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    """Run all that were asked for; 1 when a leak was missed, or something healthy was called one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--python", type=os.path.abspath, action="append", metavar="PATH", help="an interpreter with memwatch"
    )
    parser.add_argument("--only", metavar="NAME,NAME", help="these programs alone")
    parser.add_argument("--jobs", type=int, default=4, help="programs at the same time")
    parser.add_argument("--load", type=int, action="append", metavar="N", help="busy processes beside them; 0: none")
    parser.add_argument("--service", type=float, default=0.0, metavar="N", help="at a service's pace, N times faster")
    parser.add_argument("--leak-seconds", type=float, default=150.0, help="for each leaking program")
    parser.add_argument("--seconds", type=float, default=600.0, help="for each healthy one, and each twin")
    parser.add_argument("--each", action="store_true", help="a row for each program as well")
    parser.add_argument("--json", type=Path, metavar="FOLDER", help="keep the events there")
    options = parser.parse_args()
    rows, missed = [], 0
    for python, busy in product(options.python or [sys.executable], options.load or [0]):
        outcomes = watch_all(python, busy, options)
        missed += sum("not found" in it.wrong or "not silent" in it.wrong for it in outcomes)
        beside = f"{options.jobs} at once" + (f", {busy} busy processes" if busy else "")
        rows.append(summary(outcomes, version_of(python), beside))
    print("\n".join([HEAD, *rows]))
    return 1 if missed else 0


def watch_all(python: str, busy: int, options: argparse.Namespace) -> list[Outcome]:
    """Run every program once by that interpreter, beside *busy* processes."""
    with tempfile.TemporaryDirectory() as temporary, load(busy), ThreadPoolExecutor(options.jobs) as pool:
        niceness = 0 if busy else 5
        folder = (options.json or Path(temporary)) / version_of(python) / (f"load-{busy}" if busy else "")
        folder.mkdir(parents=True, exist_ok=True)
        outcomes = []
        if options.each:
            print(HEAD_EACH)
        for outcome in pool.map(
            lambda run: watch(run, python, folder, options.service, niceness), runs_for(python, options)
        ):
            outcomes.append(outcome)
            if options.each:
                print(outcome.row, flush=True)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
