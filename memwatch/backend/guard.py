"""What keeps memwatch out of its own measurements: quiet threads, and classes whose instances are not counted."""

from __future__ import annotations

import _thread
import gc
import sys
from _queue import Empty, SimpleQueue
from _thread import LockType
from array import array
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import compress
from types import FrameType, MethodType
from typing import Protocol, TypeVar

from ..clock import Clock
from .census.referents import shown_by

Class = TypeVar("Class", bound=type)

_monkey = sys.modules.get("gevent.monkey")  # a greenlet is no thread: collections know the latter alone
get_ident = _monkey.get_original("_thread", "get_ident") if _monkey else _thread.get_ident

COLLECT_SECONDS = 2e-7
"""A block's part of a full collection, in a heap in which none was measured yet."""

_quiet: dict[int, int] = {}
_walks: list[Walking] = []
_forks: dict[int, float] = {}  # threads that are about to fork, and until when walks wait for each
_FORK_SECONDS = 1.0  # after which a fork is no longer waited for: it may have been called off
_NAP = 0.0005  # seconds
_LEAST_TURNS = 20
_PACKAGE = __name__.split(".")[0]
_QUIET_ROOMS = tuple(f"{_PACKAGE}.{room}." for room in ("backend", "heap", "retain", "profile", "scenario"))
RECORDS = (_quiet, _walks, _forks, gc.callbacks)
"""Never counted: what is written here, and the collector's list, which grows with an entry while births are watched."""
_own_types: set[int] = set()
_PARTS = frozenset(map(id, (list, dict, set, tuple, array, LockType)))
_METHODS = frozenset((id(MethodType),))
_EMPTY = id(())


def own(cls: Class) -> Class:
    """Mark a class as memwatch's own: a census counts neither its instances nor the containers and locks in their
    fields.
    Known by identity, so a user's class of the same name is counted as any other.
    """
    _own_types.add(id(cls))
    return cls


@own
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
        frames = sys._current_frames()
        del frames[get_ident()]  # which refers to *frames*
        for thread, frame in frames.items():
            if thread in _quiet and not _is_inside(frame):
                _quiet.pop(thread, None)


def _is_inside(frame: FrameType | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith(_QUIET_ROOMS):
            return True
        frame = frame.f_back
    return False


def is_quiet() -> bool:
    """Whether this thread is inside `quiet`. Cheap enough for a gc callback; other threads' collections still count."""
    return bool(_quiet) and get_ident() in _quiet


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
    _forks.clear()
    for thread in _quiet.keys() - {get_ident()}:
        del _quiet[thread]
    for walk in [walk for walk in _walks if walk.thread != get_ident()]:
        walk.release()


def find_own(objects: Sequence[object]) -> list[object]:
    """Those of *objects* that are instances of own classes, or methods bound to one (`with` keeps one on its stack)."""
    kinds = list(map(id, map(type, objects)))
    found = list(compress(objects, map(_own_types.__contains__, kinds)))
    found.extend(filter(_is_bound_to_own, compress(objects, map(_METHODS.__contains__, kinds))))
    return found


def _is_bound_to_own(method: object) -> bool:
    return any(id(type(held)) in _own_types for held in shown_by(method))


def parts_of(instances: Iterable[object]) -> set[int]:
    """The addresses of *instances*, own ones all, and of the containers that each of them refers to itself.

    No deeper, as the list of a walk under way holds the whole program; what lies deeper is of an own class itself.
    `RECORDS` are always among them.
    """
    addresses = {id(RECORDS), *map(id, RECORDS)}
    for instance in instances:
        addresses.add(id(instance))
        addresses.update(id(held) for held in shown_by(instance) if id(type(held)) in _PARTS)
    addresses.discard(_EMPTY)
    return addresses
