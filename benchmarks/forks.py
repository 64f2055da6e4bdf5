"""Whether parent and children are read, warned or hung where a program forks often.

    python benchmarks/forks.py [--only storm,many] [--seconds 60] [--forks 10000]

Each program runs in a process of its own, as it is and under gevent, with warnings shown and a time that it may take;
once more for a tenth of the time without memwatch, which tells what it warns of by itself. A reading is due in a
process at each tick; children that end within one are left out. What a child has read it writes into a pipe before it
ends. Under gevent there is no multiprocessing.Pool, which hangs there without memwatch as well.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import signal
import subprocess
import sys
from datetime import date

from forking_programs import PROGRAMS, Counts

import memwatch

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 3  # times as long as planned, and 60 s: then it hangs


def start(name: str, gevent: bool, seconds: float, forks: int, watched: bool) -> tuple[Counts | None, str]:
    """Run the program *name* in a process of its own; its counts, and what it wrote or why there are none."""
    patched = "from gevent import monkey; monkey.patch_all(); " if gevent else ""
    source = f"{patched}import sys; sys.path.append({HERE!r}); import forking_programs; "
    call = f"forking_programs.run_one({name!r}, {seconds}, {forks}, {watched})"
    planned = (forks / 100 if name == "many" else seconds) * PATIENCE + 60
    with subprocess.Popen(
        [sys.executable, "-W", "always", "-c", source + call],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            told, errors = process.communicate(timeout=planned)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None, f"hung, ended after {planned:g} s"
    if process.returncode:
        return None, f"failed: {errors.strip().splitlines()[-1:]}"
    return Counts(**json.loads(told)), errors


def measure(name: str, gevent: bool, seconds: float, forks: int) -> str:
    """A line of the table."""
    title = f"{name}, gevent" if gevent else name
    counts, errors = start(name, gevent, seconds, forks, True)
    bare, bare_errors = start(name, gevent, seconds / 10, max(1, forks // 10), False)
    if counts is None or bare is None:
        return f"| {title} | {errors} | | | without: {bare_errors if bare is None else 'ends'} |"
    return (
        f"| {title} | {counts.forks:,} | {_share(counts.taken, counts.due)} "
        f"| {_share(counts.child_taken, counts.child_due)} in {counts.children:,} "
        f"| {_warnings(errors)} ({_warnings(bare_errors)} of {bare.forks:,} forks without memwatch) |"
    )


def _warnings(errors: str) -> int:
    return sum("Warning: " in line for line in errors.splitlines())


def _share(taken: int, due: int) -> str:
    return f"{taken:,} of {due:,} ({100 * taken / due:.0f} %)" if due else "–"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default=",".join(PROGRAMS), help="names of programs, by commas")
    parser.add_argument("--seconds", type=float, default=60, help="of each program but `many`")
    parser.add_argument("--forks", type=int, default=10_000, help="of `many`")
    args = parser.parse_args()
    os.nice(5)
    print(f"CPython {platform.python_version()}, backend {memwatch.backend.name}, {date.today()}")
    print("| program | forks | readings of those due | children | warnings |\n|---|---|---|---|---|", flush=True)
    for gevent in (False, True)[: 2 if importlib.util.find_spec("gevent") else 1]:
        for name in args.only.split(","):
            if gevent and name == "pool":
                continue
            print(measure(name, gevent, args.seconds, args.forks), flush=True)


if __name__ == "__main__":
    main()
