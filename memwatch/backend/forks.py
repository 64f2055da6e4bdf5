"""What happens around a fork: who is told of it, and walks over the heap that are under way in other threads.

Every hook of memwatch goes through `on_fork`. The interpreter calls them before a fork in the reverse order of their
coming, and after it in that order, and so do we:

1. `backend/meters/resident.py`: the child leaves the descriptor of its parent's /proc file.
2. `default.py`: the watcher ends its thread, after walks have come to rest (`hold_walks`), and the loader waits for the
   part that is being imported; after the fork both go on, the child with a new queue (`forget_other_threads`).
3. `recording/`, `trace/`, `asking.py`, `cli/profiling.py`: what they began in the parent is not the child's.
"""

from __future__ import annotations

import os
import sys
from _queue import Empty, SimpleQueue
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Protocol

from ..clock import Clock
from ..internal import never_count
from . import quiet
from .quiet import get_ident

_walks: list[Walking] = []
_forks: dict[int, float] = {}  # threads that are about to fork, and until when walks wait for each
_FORK_SECONDS = 1.0  # after which a fork is no longer waited for: it may have been called off
_NAP = 0.0005  # seconds
_LEAST_TURNS = 20
never_count(_walks, _forks)


FORK_HOOKS: dict[int, str] = {}
"""What `on_fork` was given, by identity: the list of the interpreter's that each stands in."""


def on_fork(
    before: Callable[[], object] | None = None,
    in_parent: Callable[[], object] | None = None,
    in_child: Callable[[], object] | None = None,
) -> None:
    """Have these called around every `os.fork()`, for as long as the process lives; nothing where there is no fork."""
    given = {"before": before, "after_in_parent": in_parent, "after_in_child": in_child}
    hooks: dict[str, Any] = {when: hook for when, hook in given.items() if hook is not None}
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(**hooks)
        FORK_HOOKS.update({id(hook): when for when, hook in hooks.items()})


def forking_frame() -> FrameType | None:
    """The frame that forks, for a function that is called by a hook of `on_fork`; None where C code forks by itself."""
    frame: FrameType | None = sys._getframe()
    for _ in range(3):  # this function, who asks, the hook
        frame = frame and frame.f_back
    return frame


class Walking(Protocol):
    """A walk over the heap under way in the thread `thread`.

    `release` makes it drop the objects that it holds in its fields. While `rests` is true it holds them nowhere else:
    what a thread has in its variables stays with a forked child for ever, where that thread does not run.
    """

    thread: int
    rests: bool

    def release(self) -> None: ...


def begin_walk(walk: Walking) -> None:
    """Remember *walk*, so that a fork in the middle of it does not leave its objects to the child for ever."""
    rest(walk)
    _walks.append(walk)


def end_walk(walk: Walking) -> None:
    """Forget *walk*; it may be forgotten already."""
    _walks[:] = [other for other in _walks if other is not walk]


def rest(walk: Walking) -> None:
    """Let other threads fork, where *walk* holds objects in its fields alone."""
    if _forks:
        walk.rests = True
        while any(thread != get_ident() and Clock.monotonic() < until for thread, until in list(_forks.items())):
            _nap()
        walk.rests = False


def hold_walks(patience: float) -> None:
    """Before a fork by this thread: wait, about *patience* seconds at most, until the walks of other threads rest.

    Whoever walks may just have held the interpreter for longer than that, so they get some turns at least.
    """
    thread, deadline, turns = get_ident(), Clock.monotonic() + patience, 0
    _forks[thread] = deadline + _FORK_SECONDS
    while any(walk.thread != thread and not walk.rests for walk in list(_walks)):
        if turns >= _LEAST_TURNS and Clock.monotonic() >= deadline:
            break
        turns += 1
        _nap()


def let_walks_go_on() -> None:
    """After the fork, in the parent."""
    _forks.pop(get_ident(), None)


def _nap() -> None:
    """Sleep for a moment; not by `time.sleep`, in the place of which gevent puts its own."""
    with suppress(Empty):
        SimpleQueue[None]().get(timeout=_NAP)


def forget_other_threads() -> None:
    """In a forked child: what its parent's other threads had begun will not be ended here."""
    quiet.forget_other_threads()
    _forks.clear()
    for walk in [walk for walk in _walks if walk.thread != get_ident()]:
        walk.release()
