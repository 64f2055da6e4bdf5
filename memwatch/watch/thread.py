"""A thread that the host program does not notice.

It is raw (no `threading.Thread`, so it is in nobody's list), has every signal blocked (a thread that does not would
take the signals that the program waits for with `sigwait`), and its end can be waited for down to the operating
system's own count of threads, which `os.fork()` warns about.
"""

from __future__ import annotations

import _thread
import logging
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..backend.guard import own

_log = logging.getLogger("memwatch")
_FAULTS = {"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT"}  # blocking these would hide a crash from faulthandler


def original(module: str, name: str) -> Any:
    """The function as the standard library made it, also where gevent has put its own in its place."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey.get_original(module, name) if monkey else getattr(sys.modules[module], name)


@own
class RawThread:
    """Runs one function at a time in a thread of its own; `ident` is None while nothing runs."""

    def __init__(self) -> None:
        self.ident: int | None = None
        self._native_id = 0
        self._ended: Any = None

    def start(self, run: Callable[[], None]) -> None:
        """Begin; raises RuntimeError where no thread can be had."""
        ended = original("_thread", "allocate_lock")()
        ended.acquire()
        restore = _block_signals()
        try:
            original("_thread", "start_new_thread")(self._main, (run, ended))
        finally:
            restore()
        self._ended = ended

    def _main(self, run: Callable[[], None], ended: Any) -> None:
        self.ident = original("_thread", "get_ident")()
        self._native_id = _thread.get_native_id()
        try:
            run()
        except BaseException:
            _log.exception("memwatch has stopped watching because of an error of its own")
        finally:
            forget_dummy()
            self.ident = None
            ended.release()

    def join(self, timeout: float) -> bool:
        """Wait until the thread is gone, at most *timeout* seconds; False if it is still there."""
        deadline = time.monotonic() + timeout
        if self._ended is None or self.is_current():
            return self._ended is None
        if not self._ended.acquire(timeout=timeout):
            return False
        self._ended.release()
        while _os_thread_exists(self._native_id) and time.monotonic() < deadline:
            original("time", "sleep")(0.0002)
        return True

    def is_current(self) -> bool:
        """Whether the caller is this thread."""
        return self.ident is not None and self.ident == original("_thread", "get_ident")()


def _block_signals() -> Callable[[], object]:
    """Block all signals in the calling thread, for the new thread to inherit; returns what restores them."""
    if not hasattr(signal, "pthread_sigmask"):
        return lambda: None
    faults = {getattr(signal, name) for name in _FAULTS if hasattr(signal, name)}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - faults)
    return lambda: signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _os_thread_exists(native_id: int) -> bool:
    return sys.platform == "linux" and Path(f"/proc/self/task/{native_id}").exists()


def forget_dummy() -> None:
    """Take the calling thread out of `threading`'s table, where `current_thread()` (logging asks) puts a dummy."""
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._active.pop(original("_thread", "get_ident")(), None)
