"""A full collection in the main thread: what the garbage's own finalizers do may belong there.

Tk ends the process if an interpreter of its own is deleted by another thread than the one that made it, and toolkits
for windows have like rules. A program without threads of its own would meet them because of memwatch's thread.
"""

from __future__ import annotations

import os
import sys
from _queue import Empty, SimpleQueue
from collections.abc import Callable
from typing import Any

from ..internal import internal
from . import name
from .holds import Hold, note_hold
from .pending import Call, runs_signal_handlers
from .quiet import collect

_native: Any = None
if name == "native":
    from . import _native

_PATIENCE = 1.0  # seconds until the main thread runs Python
_TURN = 0.05
_LONGEST = 60.0  # seconds that a collection which has begun is waited for
_OF_ONE_THREAD = ("_tkinter", "PyQt5.QtCore", "PyQt6.QtCore", "PySide2.QtCore", "PySide6.QtCore", "wx._core", "gi._gi")


@internal
class Collected:
    """A full collection: what was `garbage`, for how long it held the interpreter, and whether that was `elsewhere`: in
    another thread than the one that asked for it."""

    __slots__ = ("_claims", "_ended", "_pid", "elsewhere", "garbage", "hold")

    def __init__(self) -> None:
        self.garbage = 0
        self.hold = Hold()
        self.elsewhere = False
        self._claims = [True]
        self._pid = os.getpid()
        self._ended: SimpleQueue[None] = SimpleQueue()

    def claim(self) -> bool:
        """Whether the caller is the one who collects; never a forked child, which has its parent's pending calls."""
        try:
            return self._claims.pop() and self._pid == os.getpid()
        except IndexError:
            return False

    def run(self) -> None:
        """Collect, if nobody does."""
        try:
            if self.claim():
                with self.hold:
                    self.garbage = collect()
        finally:  # a signal handler of the program may raise in there
            self._ended.put(None)

    def comes(self, should_cancel: Callable[[], bool]) -> bool:
        """Wait until the main thread has made it; False if that has not begun within a second."""
        for _ in range(round(_PATIENCE / _TURN)):
            self.elsewhere = self._wait(_TURN)
            if self.elsewhere or should_cancel():
                break
        self.elsewhere = self.elsewhere or (not self.claim() and self._wait(_LONGEST))
        return self.elsewhere

    def _wait(self, seconds: float) -> bool:
        try:
            self._ended.get(timeout=seconds)
        except Empty:
            return False
        return True


def collect_in_main(should_cancel: Callable[[], bool]) -> Collected | None:
    """Collect in the main thread; in the calling one if the main thread does not run Python within a second. None if
    it does not, and something is loaded whose objects belong to one thread."""
    collected = Collected()
    if runs_signal_handlers():
        collected.run()
        return collected
    if _call_in_main(collected.run) and collected.comes(should_cancel):
        note_hold(collected.hold.seconds, collected.hold.work)
        return collected
    if any(module in sys.modules for module in _OF_ONE_THREAD):
        return None
    with collected.hold:
        collected.garbage = collect()
    return collected


def _call_in_main(function: Callable[[], object]) -> bool:
    return bool(_native.call_in_main(function)) if _native is not None else Call(function).begin()
