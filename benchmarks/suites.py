"""Runs the test suites of other projects as they are and watched, and compares them test by test.

    python benchmarks/suites.py [--only click,attrs] [--work FOLDER] [--seconds 900]

Each project has an environment of its own, and its tests come from its source distribution on PyPI. They run without
memwatch, then with MEMWATCH=1 and by `memwatch run -m pytest`. Tests whose outcomes differ are run again three times
both ways: what then differs each time is told as ours, the rest as flaky. Needs a compiler and the network.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NICE = 5
MOST_AGAIN = 200
AGAIN = 3
SECONDS_OF_TEST = 60

RECORDER = """
import json, os, sys

PATH = os.environ["SUITE_OUTCOMES"]  # tests may empty the variables

def write(*line):
    with open(PATH, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\\n")

def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        write(report.nodeid, "xfailed" if hasattr(report, "wasxfail") else report.outcome)

def pytest_sessionfinish():
    watcher = vars(sys.modules.get("memwatch.default", os)).get("watcher", lambda: None)()
    write("", getattr(watcher, "readings", 0))
"""
"""A plugin of pytest that writes down each outcome: other reports cut names, or lose them in a crash."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A project's tests: the packages that they need, and what pytest is given in the folder of the sources.

    The package is built from these and installed, or left `in_place`, as its tests are beside it. Where the tests are
    `inside` they run in the folder of packages. One that comes `from_wheel` is not built.
    """

    name: str
    version: str
    needs: tuple[str, ...] = ()
    tests: tuple[str, ...] = ("tests",)
    from_wheel: bool = False
    in_place: bool = False
    inside: bool = False
    separate: bool = False  # a run for each file
    pytest: str = "pytest"  # which one the tests are written for


GEVENT = (
    "event",
    "queue",
    "pool",
    "greenlet",
    "hub",
    "local",
    "lock",
    "os",
    "select",
    "threadpool",
    "core",
    "subprocess",
)

SUITES = (
    Suite("click", "8.5.1"),
    Suite("pluggy", "1.7.0", tests=("testing", "--ignore=testing/benchmark.py")),
    Suite("flask", "3.1.3", ("asgiref", "python-dotenv"), pytest="pytest<9"),
    Suite("werkzeug", "3.1.9", ("cryptography", "ephemeral-port-reserve", "watchdog")),
    Suite(
        "anyio",
        "4.16.0",
        ("trio", "blockbuster", "hypothesis", "psutil", "pytest-mock", "trustme", "truststore", "uvloop", "coverage"),
    ),
    Suite("attrs", "26.1.0", ("hypothesis", "cloudpickle", "pympler")),
    Suite("greenlet", "3.5.6", ("objgraph", "psutil", "setuptools"), ("greenlet/tests",), inside=True),
    Suite(
        "gevent",
        "26.9.0",
        ("psutil", "requests", "dnspython", "idna", "objgraph"),
        tuple(f"gevent/tests/test__{part}.py" for part in GEVENT),
        from_wheel=True,
        inside=True,
        separate=True,
    ),
    Suite(
        "psutil",
        "7.2.2",
        ("setuptools", "pytest-instafail", "pytest-xdist", "psleak"),
        in_place=True,
        pytest="pytest<9",
    ),
)

WAYS: Mapping[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "without": (("-m", "pytest"), {}),
    "MEMWATCH=1": (("-m", "pytest"), {"MEMWATCH": "1"}),
    "memwatch run": (("-m", "memwatch", "run", "-m", "pytest"), {}),
}
"""Each as the arguments of python and the variables."""

Outcomes = dict[str, str]
"""By a test's name: ``passed``, or what the first of its steps came to that was something else."""


@dataclass(frozen=True, slots=True)
class Run:
    """The outcomes of a run, and how many readings memwatch took in it."""

    outcomes: Outcomes
    readings: int


class Place:
    """Where a project's sources and its environment are."""

    def __init__(self, suite: Suite, work: Path, seconds: float) -> None:
        self.suite = suite
        self.folder = work / suite.name
        self.python = self.folder / "env" / "bin" / "python"
        self._seconds = seconds
        self._plugins = self.folder / "plugins"

    def prepare(self) -> None:
        """Fetch the sources, build the environment without memwatch."""
        if not self.python.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            call([sys.executable, "-m", "venv", str(self.folder / "env")])
            self._fetch()
            wanted = f"{self.suite.name}=={self.suite.version}" if self.suite.from_wheel else str(self.sources)
            self.install(*self.suite.needs, *["-e"] * self.suite.in_place, wanted)
        self.install(self.suite.pytest, "pytest-timeout")
        self._plugins.mkdir(exist_ok=True)
        (self._plugins / "suite_recorder.py").write_text(RECORDER, encoding="utf-8")
        call([str(self.python), "-m", "pip", "uninstall", "-qq", "-y", "memwatch"])

    def install(self, *packages: str) -> None:
        """Install *packages*."""
        call([str(self.python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *packages])

    def _fetch(self) -> None:
        wanted = f"{self.suite.name}=={self.suite.version}"
        fetch = ["download", "-qq", "--no-deps", "--no-binary", self.suite.name, wanted]
        call([str(self.python), "-m", "pip", *fetch], self.folder)
        (archive,) = self.folder.glob("*.tar.gz")
        with tarfile.open(archive) as sources:
            sources.extractall(self.folder / "sources", filter="data")

    @property
    def sources(self) -> Path:
        """The folder of the sources."""
        (found,) = (self.folder / "sources").iterdir()
        return found

    @property
    def beside(self) -> Path:
        """Where the tests run."""
        if not self.suite.inside:
            return self.sources
        (found,) = (self.folder / "env" / "lib").glob("python3.*/site-packages")
        return found

    def run(self, way: str, tests: Sequence[str]) -> Run:
        """Run *tests* the given way; also one that crashes or is ended has outcomes."""
        arguments, variables = WAYS[way]
        with tempfile.TemporaryDirectory() as scratch:
            written = Path(scratch, "outcomes")
            options = ["-p", "suite_recorder", "-p", "no:cacheprovider", "-q", "--tb=line", "--rootdir=."]
            variables = {"SUITE_OUTCOMES": str(written), "PYTHONPATH": str(self._plugins), **variables}
            with (self.folder / f"{way.replace(' ', '-')}.log").open("wb") as log:
                command = [str(self.python), *arguments, *options, f"--timeout={SECONDS_OF_TEST}"]
                for some in [[test] for test in tests] if self.suite.separate else [tests]:
                    call([*command, *some], self.beside, variables, log.fileno(), self._seconds)
            return read_run(written)


def call(
    command: Sequence[str],
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
    log: int | None = None,
    seconds: float | None = None,
) -> None:
    """Run *command*; without a *log* it must succeed, with one it may fail or be ended after *seconds*."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MEMWATCH", "PYTHON"))}
    environment = clean | dict(variables or {})
    if log is None:
        subprocess.run(command, cwd=folder, env=environment, check=True)
        return
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)


def read_run(written: Path) -> Run:
    """What the plugin has written: of each test the last word, where what was not passed stands above what was."""
    outcomes: Outcomes = {}
    readings = 0
    for line in written.read_text(encoding="utf-8").splitlines() if written.exists() else ():
        name, outcome = json.loads(line)
        if not name:
            readings += outcome
        elif outcomes.get(name, "passed") == "passed":
            outcomes[name] = outcome
    return Run(outcomes, readings)


def differences(plain: Outcomes, watched: Outcomes) -> list[str]:
    """The tests that do not come out the same, or are missing in one of the two."""
    return sorted(name for name in plain.keys() | watched.keys() if plain.get(name) != watched.get(name))


def tell_apart(place: Place, way: str, names: Sequence[str]) -> list[str]:
    """Of the tests *names* those that differ each time that they are run again, both ways."""
    left = list(names)
    for _ in range(AGAIN):
        if left:
            plain, watched = place.run("without", left).outcomes, place.run(way, left).outcomes
            left = [name for name in left if plain.get(name) != watched.get(name)]
    return left


def counted(outcomes: Outcomes) -> str:
    """``612 passed, 21 skipped``."""
    kinds = sorted(set(outcomes.values()), key=lambda kind: (kind != "passed", kind))
    return ", ".join(f"{sum(value == kind for value in outcomes.values()):,} {kind}" for kind in kinds) or "nothing ran"


def compare(suite: Suite, wheel: str, work: Path, seconds: float) -> str:
    """Run a suite all three ways; its line of the table."""
    place = Place(suite, work, seconds)
    place.prepare()
    plain = place.run("without", suite.tests).outcomes
    place.install("--force-reinstall", "--no-deps", wheel)
    place.install(wheel)
    cells = [f"{suite.name} {suite.version}", counted(plain)]
    for way in list(WAYS)[1:]:
        run = place.run(way, suite.tests)
        watched, different = run.outcomes, differences(plain, run.outcomes)
        ours = tell_apart(place, way, different[:MOST_AGAIN])
        for name in ours:
            print(f"  {way}: {name}: {plain.get(name)} / {watched.get(name)}", flush=True)
        flaky = f" ({len(different) - len(ours)} flaky)" if len(different) > len(ours) else ""
        cells.append(f"{len(ours)} different{flaky}, {run.readings:,} readings")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default=",".join(suite.name for suite in SUITES), help="names of projects, by commas")
    parser.add_argument("--work", type=Path, help="keep environments and logs there, and use those that are there")
    parser.add_argument("--seconds", type=float, default=900, help="for one run of one suite at most")
    args = parser.parse_args()
    os.nice(NICE)
    with tempfile.TemporaryDirectory() as scratch:
        work = (args.work or Path(scratch)).resolve()
        call([sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "-w", scratch, str(ROOT)])
        (wheel,) = Path(scratch).glob("memwatch-*.whl")
        print(f"CPython {platform.python_version()}, {date.today()}")
        print("| project | without | MEMWATCH=1 | memwatch run -m pytest |\n|---|---|---|---|", flush=True)
        wanted = args.only.split(",")
        for suite in (suite for suite in SUITES if suite.name in wanted):
            print(compare(suite, str(wheel), work, args.seconds), flush=True)


if __name__ == "__main__":
    main()
