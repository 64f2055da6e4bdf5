"""What happens around a fork, and in which order; and the walks over the heap that other threads have begun.

The interpreter calls three functions of ours, `_before`, `_in_parent` and `_in_child`. They call the hooks that the
rooms gave to `on_fork`, in the order of `ROOMS`: before a fork the last room first, after it the first room first. So
the meters are in order before the watcher goes on, and whatever the watcher's receivers write has come to rest before
the watcher does. docs/architecture.md says what each room does.
"""

from __future__ import annotations

import os
import sys
from _queue import Empty, SimpleQueue
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FrameType
from typing import Literal, NamedTuple, Protocol, get_args

from ..clock import Clock
from ..internal import internal, never_count
from . import fork_warning, quiet
from .quiet import get_ident

_walks: list[Walking] = []
_forks: dict[int, float] = {}  # threads that are about to fork, and until when walks wait for each
_FORK_SECONDS = 1.0  # after which a fork is no longer waited for: it may have been called off
_NAP = 0.0005  # seconds
_LEAST_TURNS = 20
never_count(_walks, _forks)


Room = Literal[
    "meters", "watcher", "outbox", "recording", "trace", "question", "snapshot signal", "page", "run profile"
]
ROOMS: tuple[Room, ...] = get_args(Room)
"""Who takes part, in the order of their calls after a fork. Before a fork the last one is called first."""


@internal
class _Hooks(NamedTuple):
    """The hooks of one room."""

    room: Room
    before: Callable[[], object] | None
    in_parent: Callable[[], object] | None
    in_child: Callable[[], object] | None


_hooks: list[_Hooks] = []
never_count(_hooks)


def on_fork(
    room: Room,
    before: Callable[[], object] | None = None,
    in_parent: Callable[[], object] | None = None,
    in_child: Callable[[], object] | None = None,
) -> None:
    """Call these functions around every `os.fork()`, for as long as the process lives; does nothing where there is no
    fork."""
    if not _hooks and hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
    _hooks.append(_Hooks(room, before, in_parent, in_child))
    _hooks.sort(key=lambda hooks: ROOMS.index(hooks.room))


def _before() -> None:
    _call([*(hooks.before for hooks in reversed(_hooks)), fork_warning.expect])


def _in_parent() -> None:
    _call(hooks.in_parent for hooks in _hooks)


def _in_child() -> None:
    _call([fork_warning.begin_anew, *(hooks.in_child for hooks in _hooks)])


FORK_HOOKS = {id(_before): "before", id(_in_parent): "after_in_parent", id(_in_child): "after_in_child"}
"""By identity, the list of the interpreter's that each stands in."""


def _call(hooks: Iterable[Callable[[], object] | None]) -> None:
    """Call each. The first exception goes to the interpreter, which prints it, after all were called."""
    raised: BaseException | None = None
    for hook in hooks:
        try:
            if hook is not None:
                hook()
        except BaseException as error:
            raised = raised or error
    if raised is not None:
        raise raised


def forking_frame() -> FrameType | None:
    """The frame that forks, for a function that is called by a hook of `on_fork`; None where C code forks by itself."""
    frame: FrameType | None = sys._getframe()
    for _ in range(5):  # this function, who asks, the room's hook, `_call`, `_before` or another of the three
        frame = frame and frame.f_back
    return frame


class Walking(Protocol):
    """A walk over the heap under way in the thread `thread`. `release` drops the objects in its fields.

    While `rests` is true it holds objects nowhere else. What a thread has in its variables stays in a forked child for
    ever, since the thread does not run there.
    """

    thread: int
    rests: bool

    def release(self) -> None: ...


def begin_walk(walk: Walking) -> None:
    """Remember *walk*, so that a fork in the middle does not leave its objects to the child for ever."""
    rest(walk)
    _walks.append(walk)


def end_walk(walk: Walking) -> None:
    """Forget *walk*; it may be forgotten already."""
    _walks[:] = [other for other in _walks if other is not walk]


def rest(walk: Walking) -> None:
    """Let other threads fork now that *walk* holds objects in its fields alone."""
    if _forks:
        walk.rests = True
        while any(thread != get_ident() and Clock.monotonic() < until for thread, until in list(_forks.items())):
            nap()
        walk.rests = False


def hold_walks(patience: float) -> None:
    """Before a fork by this thread: wait, about *patience* seconds at most, until the walks of other threads rest. A
    walk may just have held the interpreter for longer than that, so it gets a few turns at least."""
    thread, deadline, turns = get_ident(), Clock.monotonic() + patience, 0
    _forks[thread] = deadline + _FORK_SECONDS
    while any(walk.thread != thread and not walk.rests for walk in list(_walks)):
        if turns >= _LEAST_TURNS and Clock.monotonic() >= deadline:
            break
        turns += 1
        nap()


def let_walks_go_on() -> None:
    """After the fork, in the parent."""
    _forks.pop(get_ident(), None)


def nap(seconds: float = _NAP) -> None:
    """Sleep for a moment; not by `time.sleep`, which gevent replaces."""
    with suppress(Empty):
        SimpleQueue[None]().get(timeout=max(0.0, seconds))


def forget_other_threads() -> None:
    """In a forked child: forget what other threads of the parent had begun, since nobody ends it here."""
    quiet.forget_other_threads()
    _forks.clear()
    for walk in [walk for walk in _walks if walk.thread != get_ident()]:
        walk.release()
