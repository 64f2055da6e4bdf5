"""Collections that memwatch makes itself: they raise no event, as their thread is quiet meanwhile."""

from __future__ import annotations

import _thread
import gc
import sys

from ..internal import internal, never_count
from .process import Frame, current_frames

_monkey = sys.modules.get("gevent.monkey")  # a greenlet is no thread: collections know the latter alone
get_ident = _monkey.get_original("_thread", "get_ident") if _monkey else _thread.get_ident

COLLECT_SECONDS = 2e-7
"""A block's part of a full collection, in a heap in which none was measured yet."""

_quiet: dict[int, int] = {}
_PACKAGE = __name__.split(".")[0]
_QUIET_ROOMS = tuple(f"{_PACKAGE}.{room}." for room in ("backend", "heap", "retain", "profile", "scenario"))
never_count(_quiet)


@internal
class Quiet:
    """`with quiet:` marks the collections that this thread runs as memwatch's own, which raise no event. Re-entrant."""

    __slots__ = ()

    def __enter__(self) -> None:
        thread = get_ident()
        _quiet[thread] = _quiet.get(thread, 0) + 1

    def __exit__(self, *_: object) -> None:
        thread = get_ident()
        left = _quiet.pop(thread, 1) - 1
        if left > 0:
            _quiet[thread] = left


quiet = Quiet()


def collect() -> int:
    """Run a full collection that raises no event; returns the number of objects that were garbage."""
    with quiet:
        return gc.collect()


def end_interrupted() -> None:
    """End `quiet` for threads that an exception of a signal handler took out of it before its end.

    It ends nowhere else for them: the exception may come before the first instruction of `__exit__`. A thread that is
    quiet by right is inside code of the rooms that use `quiet`.
    """
    if _quiet:
        frames = current_frames()
        del frames[get_ident()]  # which refers to *frames*
        for thread, frame in frames.items():
            if thread in _quiet and not _is_inside(frame):
                _quiet.pop(thread, None)


def _is_inside(frame: Frame | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith(_QUIET_ROOMS):
            return True
        frame = frame.f_back
    return False


def is_quiet() -> bool:
    """Whether this thread is inside `quiet`. It is cheap enough for a gc callback."""
    return bool(_quiet) and get_ident() in _quiet


def forget_other_threads() -> None:
    """In a forked child: forget what other threads of the parent had begun, since nobody ends it here."""
    for thread in _quiet.keys() - {get_ident()}:
        del _quiet[thread]
