"""What `pytest --memwatch` costs on a thousand quick tests.

    python benchmarks/pytest_run.py [--only json] [--runs 15] [--instructions] [--tests 1000]

Each run with it comes after one without; both find their modules compiled, as they do from the second run on.
`--instructions` counts by callgrind, which is slow and does not depend on the machine's load.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SUITES = {
    "json": """
import json, pytest

@pytest.mark.parametrize("n", range({tests}))
def test_round_trip(n):
    assert json.loads(json.dumps({{"a": [n] * 50}}))["a"][0] == n
""",
    "flask": """
import flask, pytest

app = flask.Flask("shop")

@app.get("/<int:n>")
def page(n):
    return {{"n": [n] * 10}}

@pytest.fixture
def client():
    return app.test_client()

@pytest.mark.parametrize("n", range({tests}))
def test_page(client, n):
    assert client.get(f"/{{n}}").json["n"][0] == n
""",
}
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_suite.py")


def environment(folder: Path) -> dict[str, str]:
    """That of this process, with compiled modules kept beside the suite."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "compiled"), "PYTHONHASHSEED": "0"}


def seconds(folder: Path, *options: str) -> float:
    """Processor time of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = (sys.executable, *PYTEST, *options)
    subprocess.run(command, cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def instructions(folder: Path, *options: str) -> int:
    """Those of one run."""
    counts = folder / "callgrind.out"
    command = ("valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}", sys.executable, *PYTEST, *options)
    subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, check=True)
    with counts.open() as lines:
        return int(next(line.split()[1] for line in lines if line.startswith(("summary:", "totals:"))))


def measure(name: str, tests: int, runs: int, count: bool) -> str:
    """One suite, in words."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "test_suite.py").write_text(SUITES[name].format(tests=tests))
        for options in ((), ("--memwatch",)):
            seconds(folder, *options)
        if count:
            plain, watched = instructions(folder), instructions(folder, "--memwatch")
            return f"{name}: {plain / 1e6:,.0f} million instructions, +{watched / plain - 1:.1%} with --memwatch"
        pairs = [(seconds(folder), seconds(folder, "--memwatch")) for _ in range(runs)]
    plain, watched = (sorted(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(watched) / statistics.median(plain) - 1
    return (
        f"{name}: {statistics.median(plain):.2f} s of processor time, {ratio:+.1%} with --memwatch (median of {runs}); "
        f"least {plain[0]:.2f} s, {watched[0] / plain[0] - 1:+.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=SUITES, help="one of the suites")
    parser.add_argument("--tests", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--instructions", action="store_true")
    args = parser.parse_args()
    for name in [args.only] if args.only else SUITES:
        print(measure(name, args.tests, args.runs, args.instructions), flush=True)


if __name__ == "__main__":
    main()
