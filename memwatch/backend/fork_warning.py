"""The interpreter's warning of a fork beside threads, where these are memwatch's alone.

A fork waits for memwatch's threads, but not for ever: one may be in a walk, a receiver or an import. From 3.12 on
`os.fork()` warns of a second thread once the child is made; from 3.15 on it raises where that warning is an error. The
program has done nothing that it could be warned of, so this one warning is left out. Where it has a second thread of
its own the warning comes. On Linux without /proc the interpreter knows nothing of our threads.
"""

from __future__ import annotations

import os
import sys
import warnings
from _thread import get_native_id
from typing import Any

from ..internal import internal, never_count

_WARNS = sys.version_info >= (3, 12)
_TEXT = "is multi-threaded, use of fork"  # or forkpty

_threads: set[int] = set()  # made by memwatch, by the system's ids; some may have ended
_starting: set[int] = set()  # keys of those that have not run yet
_list = os.listdir  # taken at the import: what finds blocking calls in event loops puts a function there that raises


@internal
class _ThisFork:
    """Stands in a filter in place of a pattern. The warning that it matches is the only one: it takes the filter away.

    A filter that lies there for no warning does no harm until the next fork, which takes it away as well. The version
    of the filters stays as it is, or warnings that were shown once would be shown again.
    """

    def match(self, text: str) -> bool:
        """Whether *text* is the warning."""
        if _TEXT not in text:
            return False
        forget()
        return True


_FILTER = ("ignore", _ThisFork(), DeprecationWarning, None, 0)
never_count(_threads, _starting, _FILTER)


def note_start(key: int) -> None:
    """Say that a thread of memwatch's is about to start; it notes itself with the same *key*."""
    _starting.add(key)


def note_failure(key: int) -> None:
    """Say that it could not start."""
    _starting.discard(key)


def note_thread(key: int = 0) -> int:
    """Say that the calling thread is memwatch's; returns the system's id of it."""
    _threads.add(native_id := get_native_id())
    _starting.discard(key)
    return native_id


def note_end(native_id: int) -> None:
    """Say that such a thread is gone."""
    _threads.discard(native_id)


def expect() -> None:
    """Before a fork, after all waiting: leave its warning out if only threads of memwatch's are beside this one."""
    forget()
    if _WARNS and (_threads or _starting) and _is_alone_but_for_ours():
        _filters().insert(0, _FILTER)


def forget() -> None:
    """The fork that was expected is over."""
    filters = _filters()
    if _FILTER in filters:
        filters.remove(_FILTER)


def begin_anew() -> None:
    """In a forked child: it has one thread."""
    _threads.clear()
    _starting.clear()
    forget()


def _is_alone_but_for_ours() -> bool:
    try:
        tasks = {int(name) for name in _list("/proc/self/task")}
    except OSError:
        return False
    _threads.intersection_update(tasks)
    unknown = tasks - _threads - {get_native_id()}
    return len(unknown) <= len(_starting) and bool(_threads or unknown)


def _filters() -> Any:
    """The list that the interpreter asks first: from 3.14 on a context may have one of its own."""
    of_context = getattr(warnings, "_get_filters", None)
    return of_context() if of_context else warnings.filters
