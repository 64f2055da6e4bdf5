"""What the tests of this folder share: a folder for sockets, a watched process that is this one, and others."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import pytest

import memwatch
from memwatch.reach import folder

LEAKY = """
import time, memwatch
kept = []
memwatch.start(tick=0.05)
print("ready", flush=True)
until = time.monotonic() + 60
while time.monotonic() < until:
    kept.append(bytearray(20_000))
    time.sleep(0.002)
"""


@pytest.fixture
def sockets(monkeypatch) -> Iterator[str]:
    """The folder in which the sockets of this test are."""
    with tempfile.TemporaryDirectory(prefix="mw") as home:
        monkeypatch.setenv("XDG_RUNTIME_DIR", home)
        monkeypatch.setattr(folder, "folders", lambda: [os.path.join(home, "memwatch")])
        yield os.path.join(home, "memwatch")


@pytest.fixture
def watched(sockets) -> Iterator[memwatch.watch.Watcher]:
    """This process, which answers quickly, and looks at the heap of a whole run of tests itself."""
    yield memwatch.start(tick=0.02, pause_budget=10.0)
    memwatch.stop()


@pytest.fixture
def start_program(sockets) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start Python code, or arguments for Python, and wait until it says that it is ready."""
    with contextlib.ExitStack() as all_of_them:

        def start(code: str, **environment: str) -> subprocess.Popen:
            started = subprocess.Popen(
                [sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ | environment, text=True
            )
            all_of_them.enter_context(started)
            all_of_them.callback(started.kill)
            assert started.stdout.readline() == "ready\n"
            return started

        yield start


def until(is_true: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
