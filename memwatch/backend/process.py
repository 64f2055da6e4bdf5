"""What this process and interpreter are, being told of forks, and keeping signals out of a call."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from types import FrameType
from typing import Any, TypeVar

Result = TypeVar("Result")

_FAULTS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT")  # blocking these would hide a crash from faulthandler
_BLOCKED = signal.valid_signals() - {getattr(signal, name, None) for name in _FAULTS}
# The C function itself: a handler of the program that raises cannot come between the mask and its restoring.
_set_mask: Any = getattr(import_module("_signal"), "pthread_sigmask", None)


def uninterrupted(function: Callable[[], Result]) -> Result:
    """Call *function* with the signals of this thread blocked: what their handlers raise comes before it or after it.

    Where the program has other threads the system may give the signal to one of them, and Python has the handler run
    in the main thread all the same.
    """
    if _set_mask is None:
        return function()
    before = _set_mask(signal.SIG_BLOCK, ())
    try:
        _set_mask(signal.SIG_BLOCK, _BLOCKED)
        return function()
    finally:
        _set_mask(signal.SIG_SETMASK, before)


def is_main_interpreter() -> bool:
    """False in a subinterpreter."""
    for name in ("_interpreters", "_xxsubinterpreters"):  # from 3.13, before
        try:
            interpreters: Any = import_module(name)
        except ImportError:
            continue
        return bool(interpreters.get_current() == interpreters.get_main())
    return True


def on_fork(before: Callable[[], None], in_parent: Callable[[], None], in_child: Callable[[], None]) -> None:
    """Have these called around every `os.fork()`, for as long as the process lives; nothing where there is no fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def forking_frame() -> FrameType | None:
    """The frame that forks, for a function that is called by a hook of `on_fork`; None where C code forks by itself."""
    frame: FrameType | None = sys._getframe()
    for _ in range(3):  # this function, who asks, the hook
        frame = frame and frame.f_back
    return frame
