"""Runs tiny programs in processes of their own: under python, and under `memwatch run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

import memwatch

ROOT = Path(memwatch.__file__).parent.parent
PATIENCE = 60

SIX_ROUNDS = """
import memwatch
kept = []
def leak():
    for _ in range(6):
        kept.extend(bytes(1000) for _ in range(2000))
        memwatch.gc()
"""


FORKING = """
import os, rounds
child = os.fork()
if child == 0:
    rounds.leak()
    os._exit(0)
os.waitpid(child, 0)
print(child)
"""


@dataclass(frozen=True)
class Ended:
    """How a process ended; `own` are memwatch's lines of its standard error, `stderr` the others."""

    status: int
    stdout: str
    stderr: str
    own: tuple[str, ...]


class Lab:
    """A folder of programs, and ways to run them there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("MEMWATCH", "PYTHON"))}
        self.env |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def start(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.folder, env=self.env | variables, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    def wait_for(self, process: subprocess.Popen[str], line: str) -> None:
        """Until the process prints *line*; a process that does not is killed."""
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        try:
            assert process.stdout is not None and process.stdout.readline() == f"{line}\n"
        finally:
            timer.cancel()

    def end(self, process: subprocess.Popen[str], typed: str = "") -> Ended:
        try:
            stdout, stderr = process.communicate(typed, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        lines = stderr.splitlines(keepends=True)
        own = tuple(line.rstrip("\n") for line in lines if line.startswith("memwatch: "))
        return Ended(process.returncode, stdout, "".join(x for x in lines if not x.startswith("memwatch: ")), own)

    def python(self, *args: str, flags: tuple[str, ...] = (), typed: str = "", **variables: str) -> Ended:
        return self.end(self.start(sys.executable, *flags, *args, **variables), typed)

    def watched(self, *args: str, flags: tuple[str, ...] = (), typed: str = "", **variables: str) -> Ended:
        return self.python("-m", "memwatch", "run", *args, flags=flags, typed=typed, **variables)

    def events(self, name: str = "events.jsonl") -> list[dict]:
        """The events in a file; fails where a line is not whole."""
        text = (self.folder / name).read_text(encoding="utf-8")
        assert text == "" or text.endswith("\n")
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def leaky(lab: Lab) -> Lab:
    """A lab with a module `rounds` whose leak() lets a list grow over six forced collections."""
    lab.write("rounds.py", SIX_ROUNDS)
    return lab
