"""The frames of a free-threaded interpreter, read while all of its threads are stopped.

Python's frame objects cannot be read there while other threads run them: the process may crash, as CPython says of
`f_locals`, and as is so for `f_back`. A `StoppedFrame` has what was in the frame at one moment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import CodeType
from typing import Any

from ..clock import Clock
from ..internal import internal
from . import FREE_THREADED

_PACKAGE = __name__.partition(".")[0]
_LONGEST = 600.0  # seconds by the clock, for a look that stops all threads again and again: on a machine that is busy
_MOST_WORK = 60.0  # the same, of the looking thread's processor time


def extension() -> Any:
    """The C extension on free-threaded Python, where looking at other threads needs it; None if it is not there."""
    if not FREE_THREADED:
        return None
    try:
        return import_module("._native", __package__)
    except ImportError:
        return None


@internal
class StoppedFrame:
    """A frame as it was: `f_locals` are the variables by name, empty unless they were asked for."""

    __slots__ = ("f_back", "f_code", "f_globals", "f_locals")

    def __init__(self, code: CodeType, names: dict[str, Any], variables: Any, back: StoppedFrame | None) -> None:
        self.f_code = code
        self.f_globals = names
        self.f_locals = variables
        self.f_back = back


def stopped_frames(variables: bool) -> dict[int, StoppedFrame]:
    """The innermost frame of each thread by its number, the calling one's included; none without the extension.

    Those of memwatch's own code have no variables: a frame that holds what it is held by goes with a collection alone.
    """
    taken = extension()
    found: dict[int, StoppedFrame] = {}
    for thread, code, names, values in reversed(taken.stopped_threads(variables) if taken is not None else ()):
        own = str(dict.get(names, "__name__")).partition(".")[0] == _PACKAGE
        found[thread] = StoppedFrame(code, names, {} if own else values, found.get(thread))
    return found


def referents_of_each(objects: list[Any]) -> list[list[Any]]:
    """What each object refers to, all at one moment: asking one after the other stops all threads each time.

    An empty list if nothing needs to stop, or the extension is not there: then ask for each by itself.
    """
    taken = extension() if objects else None
    return [] if taken is None else list(taken.stopped_referents(objects))


def stopping_patience() -> Callable[[], bool] | None:
    """Answers whether a look that stops all threads again and again has gone on for too long, for a caller without a
    limit. None if no thread has to stop."""
    if not FREE_THREADED:
        return None
    until, work = Clock.monotonic() + _LONGEST, Clock.thread_time() + _MOST_WORK
    return lambda: (Clock.monotonic() > until or Clock.thread_time() > work) and has_other_threads()


def has_other_threads() -> bool:
    """Whether Python code runs in more than one thread."""
    return len(sys._current_frames()) > 1
