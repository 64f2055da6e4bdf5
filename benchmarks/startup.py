"""By how much a watched process starts later and is larger: interpreters that do nothing, with MEMWATCH=1 and without.

    python benchmarks/startup.py [--runs 21] [--python /path/to/python]

The interpreter needs an ordinary installation of memwatch, which has the start-up file, or an editable one: there the
module is imported by hand. Processor time is user and system time of the whole process, memory its peak (VmHWM). Both
are medians of differences between a process and the one that started just before it. Both use compiled files
(`__pycache__`), whatever PYTHONDONTWRITEBYTECODE says here: compiling takes 1.5 MiB and twice the time. Linux only.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

LEFT_OUT = ("MEMWATCH", "PYTHONDONTWRITEBYTECODE")
IMPORT = "import memwatch.autostart"
SHOW_PEAK = """
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(line.split()[1])
"""


def run(python: str, code: str, **environment: str) -> tuple[float, float]:
    """Milliseconds of processor time and MiB of memory at most."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
    started = subprocess.Popen(
        [python, "-c", f"{code}\n{SHOW_PEAK}"], env=clean | environment, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    peak = int(started.stdout.read())
    _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    assert started.returncode == 0
    return 1000 * (used.ru_utime + used.ru_stime), peak / 1024


def has_startup_file(python: str) -> bool:
    """Whether MEMWATCH=1 alone starts watching."""
    code = "import sys; print('memwatch.autostart' in sys.modules)"
    environment = {**os.environ, "MEMWATCH": "1"}
    return subprocess.check_output([python, "-c", code], env=environment, text=True) == "True\n"


def measure(python: str, runs: int, backend: str) -> str:
    """One row: what *backend* adds."""
    code = "" if has_startup_file(python) else IMPORT
    watched = {"MEMWATCH": "1", "MEMWATCH_BACKEND": backend}
    run(python, code, **watched)  # compiles what is not compiled yet
    pairs = [(run(python, ""), run(python, code, **watched)) for _ in range(runs)]
    later = statistics.median(on[0] - off[0] for off, on in pairs)
    larger = statistics.median(on[1] - off[1] for off, on in pairs)
    alone = statistics.median(off[0] for off, _ in pairs)
    return f"{backend:7} +{later:.1f} ms of processor time (without: {alone:.1f} ms), +{larger:.1f} MiB"


def main() -> None:
    """Measure both backends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--python", default=sys.executable)
    args = parser.parse_args()
    for backend in ("native", "pure"):
        print(measure(args.python, args.runs, backend), flush=True)


if __name__ == "__main__":
    main()
