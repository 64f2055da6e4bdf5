"""Collections that memwatch makes itself, in threads that are quiet meanwhile: they raise no event."""

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
    """`with quiet:` makes the collections that this thread runs memwatch's own, which raise no event. Re-entrant."""

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
    """A full collection that raises no event; the number of objects that it found to be garbage."""
    with quiet:
        return gc.collect()


def end_interrupted() -> None:
    """Other threads that a signal handler's exception took away before `quiet` had ended are quiet no more.

    It ends nowhere else for them: the exception may come before the first instruction of `__exit__`. A thread that is
    rightly quiet is inside code of the rooms that use `quiet`.
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
    """Whether this thread is inside `quiet`. Cheap enough for a gc callback; other threads' collections still count."""
    return bool(_quiet) and get_ident() in _quiet


def forget_other_threads() -> None:
    """In a forked child: what its parent's other threads had begun will not be ended here."""
    for thread in _quiet.keys() - {get_ident()}:
        del _quiet[thread]
