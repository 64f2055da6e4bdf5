"""A thread that the host program does not notice.

It is raw (no `threading.Thread`, so it is in nobody's list), has every signal blocked (a thread that does not would
take the signals that the program waits for with `sigwait`), and its end can be waited for down to the operating
system's own count of threads, which `os.fork()` warns about.
"""

from __future__ import annotations

import _thread
import os
import select
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

from ..backend.fork_warning import note_end, note_failure, note_start, note_thread
from ..backend.process import uninterrupted, with_stack
from ..clock import Clock
from ..internal import internal, never_count
from ..logs import Log

_log = Log()

_LEAVING = 1.0  # seconds that a thread which has ended may take to be gone
_UNSCHEDULED = 1.0  # seconds that one which is to end may take to run

with suppress(ImportError):
    import_module("_suggestions")  # traceback wants it from 3.13 on, for an error that is logged


_MODULES = {"_thread": _thread, "select": select, "time": time}  # a program may empty `sys.modules`


def original(module: str, name: str) -> Any:
    """The function as the standard library made it, also where gevent has put its own in its place."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey.get_original(module, name) if monkey else getattr(_MODULES[module], name)


_running: set[int] = set()  # the threads of this process that memwatch has made
never_count(_running)


def is_raw() -> bool:
    """Whether memwatch made the calling thread."""
    return original("_thread", "get_ident")() in _running


# Taken at the import: what finds blocking calls in event loops (blockbuster) puts functions in their place that raise.
acquire: Any = type(original("_thread", "allocate_lock")()).acquire
sleep: Callable[[float], None] = original("time", "sleep")
_access = os.access


@internal
class RawThread:
    """Runs one function at a time in a thread of its own; `ident` is None while nothing runs."""

    def __init__(self) -> None:
        self.ident: int | None = None
        self._native_id = 0
        self._ended: Any = None

    def start(self, run: Callable[[], None]) -> None:
        """Begin; raises RuntimeError where no thread can be had."""
        ended = original("_thread", "allocate_lock")()
        acquire(ended, blocking=False)
        self._ended = ended
        note_start(id(self))
        try:  # the new thread inherits what is blocked
            uninterrupted(lambda: with_stack(lambda: self._start(run, ended)))
        except RuntimeError:
            note_failure(id(self))
            ended.release()
            raise

    def _start(self, run: Callable[[], None], ended: Any) -> None:
        original("_thread", "start_new_thread")(self._main, (run, ended))

    def _main(self, run: Callable[[], None], ended: Any) -> None:
        try:
            self.ident = original("_thread", "get_ident")()
            self._native_id = note_thread(id(self))
            _running.add(self.ident)
            run()
        except BaseException:
            _log.exception("memwatch has stopped watching because of an error of its own")
        finally:
            with suppress(Exception):
                self._leave()
            ended.release()

    def _leave(self) -> None:
        ident, self.ident = self.ident, None
        _running.discard(ident or 0)
        forget_dummy()

    def join(self, timeout: float) -> bool:
        """Wait until the thread is gone, at most *timeout* seconds; False if it is still there."""
        deadline = Clock.monotonic() + timeout
        ended = self._ended  # one look: the next run has another lock
        if ended is None or self.is_current():
            return ended is None
        if not acquire(ended, timeout=timeout):
            return False
        ended.release()
        self._await_system(max(deadline, Clock.monotonic() + _LEAVING) if timeout else deadline)
        return True

    def join_unless(self, is_busy: Callable[[], bool], patience: float) -> None:
        """Wait *patience* seconds, and a second if it is not busy: then it is about to end, and lacks a processor."""
        deadline = Clock.monotonic() + _UNSCHEDULED
        while not self.join(patience):
            if is_busy() or Clock.monotonic() > deadline:
                return

    def _await_system(self, deadline: float) -> None:
        """Wait until the system does not know the thread any more: it has nothing left to do but to leave."""
        gone = self._native_id
        while _os_thread_exists(gone):
            if Clock.monotonic() >= deadline:
                return
            sleep(0.0002)
        note_end(gone)

    def is_current(self) -> bool:
        """Whether the caller is this thread."""
        return self.ident is not None and self.ident == original("_thread", "get_ident")()


def _os_thread_exists(native_id: int) -> bool:
    return sys.platform == "linux" and _access(f"/proc/self/task/{native_id}", os.F_OK)


def forget_dummy() -> None:
    """Take the calling thread out of `threading`'s table, where `current_thread()` (logging asks) puts a dummy."""
    threading = sys.modules.get("threading")
    active = vars(threading).get("_active") if type(threading) is ModuleType else None
    if type(active) is dict:  # a program may have put another module there
        active.pop(original("_thread", "get_ident")(), None)
