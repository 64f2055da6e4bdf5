"""Frames of other threads are looked at, unless another interpreter runs beside this one."""

from __future__ import annotations

import subprocess
import sys
import threading

from memwatch.backend.process import current_frames

ALONE = """
import threading
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
from memwatch.backend.process import current_frames
go = threading.Event()
thread = threading.Thread(target=go.wait)
thread.start()
made = interpreters.create()
print(list(current_frames()) == [threading.get_ident()])
interpreters.destroy(made)
print(len(current_frames()))
go.set()
"""


def test_the_frames_of_every_thread() -> None:
    assert threading.get_ident() in current_frames()
    assert set(current_frames()) == set(sys._current_frames())


def test_those_of_other_interpreters_are_left_alone() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", "2"]
