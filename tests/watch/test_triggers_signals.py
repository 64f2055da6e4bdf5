"""With the native backend no exception of a signal handler is lost to the collector's callback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import memwatch

if memwatch.backend.name != "native":
    pytest.skip("CPython drops what is raised inside a callback that is written in Python", allow_module_level=True)
if not hasattr(signal, "setitimer"):
    pytest.skip("there are no timers", allow_module_level=True)

PROGRAM = """
import gc, os, signal, sys, time
import memwatch

class Rang(BaseException):
    pass

def ring(*_):
    raise Rang

def work(begin):
    begin()
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        gc.collect(0)

def lost(begin, expected, rounds):
    count = 0
    for _ in range(rounds):
        try:
            work(begin)
            count += 1
        except expected:
            pass
    return count

def alarm():
    signal.setitimer(signal.ITIMER_REAL, 0.003)

def interrupt():
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    alarm()

memwatch.start(tick=3600.0)  # no tick finds the collector busy, and takes the callback out
assert gc.callbacks
signal.signal(signal.SIGALRM, ring)
if sys.argv[1] == "alarm":
    print(lost(alarm, Rang, 60))
else:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print(lost(interrupt, KeyboardInterrupt, 60))
"""


@pytest.mark.parametrize("which", ["alarm", "interrupt"])
def test_sixty_of_sixty_arrive_in_a_program_that_collects_all_the_time(which: str) -> None:
    folders = os.pathsep.join([str(Path(memwatch.__file__).parent.parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": folders}
    command = [sys.executable, "-c", PROGRAM, which]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=200)
    assert (done.stdout, done.stderr, done.returncode) == ("0\n", "", 0)
