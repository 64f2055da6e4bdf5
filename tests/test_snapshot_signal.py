"""A signal has the heap written, in whatever the main thread is, and in forked children; what is refused is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import memwatch
from memwatch.errors import OptionError, WriteError

NATIVE = memwatch.backend.name == "native"
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there are no such signals")

PROGRAM = """
import logging, os, signal, sys, threading, time
import memwatch
logging.basicConfig(format="%(message)s", stream=sys.stdout)

def wait_for(count):
    deadline = time.monotonic() + 30
    while len([it for it in os.listdir(".") if it.endswith(".heapsnapshot")]) < count:
        assert time.monotonic() < deadline, os.listdir(".")
        time.sleep(0.05)

if "MEMWATCH_SNAPSHOT_SIGNAL" in os.environ:
    import memwatch.autostart
else:
    memwatch.snapshot_on_signal("USR1")
assert signal.getsignal(signal.SIGUSR1) in (signal.SIG_DFL, *([] if NATIVE else [signal.getsignal(signal.SIGUSR1)]))
if NATIVE:  # the main thread waits inside C, and runs no handler of Python's
    done = threading.Event()
    def ask():
        os.kill(os.getpid(), signal.SIGUSR1)
        wait_for(1)
        done.set()
    threading.Thread(target=ask).start()
    done.wait()
else:
    os.kill(os.getpid(), signal.SIGUSR1)
    wait_for(1)
for _ in range(40):
    os.kill(os.getpid(), signal.SIGUSR1)
wait_for(2)
pid = os.fork()
if pid == 0:
    os.kill(os.getpid(), signal.SIGUSR1)
    wait_for(3)
    while any(it.startswith(f".heap-{os.getpid()}") for it in os.listdir(".")):
        time.sleep(0.05)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
time.sleep(0.6)
while any(it.startswith(".") for it in os.listdir(".")):
    time.sleep(0.05)
"""


def run(folder: Path, **variables: str) -> str:
    program = PROGRAM.replace("NATIVE", repr(NATIVE))
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_signal_writes_one_a_storm_one_and_a_child_its_own(tmp_path: Path) -> None:
    out = run(tmp_path)
    written = sorted(tmp_path.iterdir())
    assert out.count("heap snapshot written") >= len(written) - 1  # the child may end before it has logged
    assert 3 <= len(written) <= 5
    assert "signals asked for a heap snapshot at once" in out
    assert len({path.name.split("-")[1] for path in written}) == 2


@pytest.mark.slow
def test_the_variable_does_the_same(tmp_path: Path) -> None:
    run(tmp_path, MEMWATCH="1", MEMWATCH_SNAPSHOT_SIGNAL="SIGUSR1")
    assert 3 <= len(list(tmp_path.iterdir())) <= 5


def test_what_is_refused() -> None:
    with pytest.raises(OptionError, match="is no signal"):
        memwatch.snapshot_on_signal("USR7")
    with pytest.raises(OptionError, match="SIGKILL cannot bring"):
        memwatch.snapshot_on_signal(signal.SIGKILL)
    with pytest.raises(WriteError, match="there is no directory"):
        memwatch.snapshot_on_signal("USR1", "/no/such/folder/heap.heapsnapshot")
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    try:
        with pytest.raises(OptionError, match="the program has a handler for SIGUSR2; replace=True"):
            memwatch.snapshot_on_signal("USR2")
    finally:
        signal.signal(signal.SIGUSR2, before)
