"""A heap snapshot by a signal: `kill -USR1 PID`, also while the program's main thread waits inside C."""

from __future__ import annotations

import os
import signal
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from . import backend, default
from .backend.forks import on_fork
from .backend.process import is_main_interpreter
from .errors import OptionError, UnsupportedError
from .files import check_writable
from .logs import Log

_log = Log()
_POLL = 0.25  # seconds
_NEVER = ("SIGKILL", "SIGSTOP", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGCHLD", "SIGPROF", "SIGALRM")
_native: Any = import_module(".backend._native", __package__) if backend.name == "native" else None


class _State:
    path: Path | None = None
    waiting = 0  # signals that Python's own handler has seen and that nothing was written for yet
    armed: object = None  # the watcher that looks whether a signal came
    hooked = False


def snapshot_on_signal(signum: int | str, path: str | os.PathLike[str] | None = None, replace: bool = False) -> None:
    """Write a heap snapshot when the signal *signum* comes (as ``signal.SIGUSR1``, or "USR1").

    memwatch's own thread has it written, as `write_heap_snapshot` does, within about a quarter of a second. With the C
    extension this works also while the main thread is inside C code that lets other threads run. One snapshot is
    written at a time; signals that come meanwhile are counted and logged. *path* is a directory, or a file that each
    snapshot replaces; by default the current directory.

    Main thread only. Starts the watcher if none runs. Forked children do the same. Raises OptionError for a wrong
    signal, one that Python itself uses, or one that the program handles, unless *replace* is true; WriteError if *path*
    cannot be written to; UnsupportedError in a subinterpreter.
    """
    number = _number(signum)
    if not is_main_interpreter():
        raise UnsupportedError("a signal belongs to the main interpreter; this is a subinterpreter")
    target = Path("." if path is None else path).absolute()
    check_writable(str(target / "heap" if target.is_dir() else target), "a heap snapshot")
    current = signal.getsignal(number)
    if current not in (signal.SIG_DFL, signal.SIG_IGN, _take_by_python) and not replace and _State.path is None:
        raise OptionError(f"the program has a handler for {signal.Signals(number).name}; replace=True takes its place")
    import_module(".handlers.heap_snapshots", __package__)  # memwatch's thread must not import
    if default.watcher() is None:
        default.start_for_program()
    default.prepare()
    _install(number)
    _State.path = target
    if not _State.hooked:
        _State.hooked = True
        on_fork("snapshot signal", in_child=_forget)
    _arm()


def _number(signum: int | str) -> int:
    name = str(signum).upper()
    known = {it.name.removeprefix("SIG"): it for it in signal.Signals}
    found = known.get(name.removeprefix("SIG")) if isinstance(signum, str) else None
    number = int(found) if found is not None else int(signum) if name.isdigit() else -1
    if number not in signal.valid_signals():
        raise OptionError(f"{signum!r} is no signal of this system")
    if number in {getattr(signal, never, None) for never in _NEVER}:
        raise OptionError(f"{signal.Signals(number).name} cannot bring a heap snapshot: take SIGUSR1 or another one")
    return number


def _install(number: int) -> None:
    try:
        if _native is None:
            signal.signal(number, _take_by_python)
        else:
            signal.signal(number, signal.SIG_DFL)  # so that Python knows of no handler
            _native.signal_flag(number)
    except (ValueError, OSError) as error:
        raise OptionError(f"signal {number} cannot bring a heap snapshot: {error}") from None


def _take_by_python(_signum: int, _frame: FrameType | None) -> None:
    watcher = default.watcher()
    _State.waiting += 1
    if watcher is not None and _State.waiting == 1:
        watcher.call_later(0.0, _take_waiting)


def _take_waiting() -> None:
    count, _State.waiting = _State.waiting, 0
    _take(count)


def _arm() -> None:
    """Have the watcher look whether a signal has come."""
    watcher = default.watcher()
    if watcher is not None and _native is not None and _State.armed is not watcher:
        _State.armed = watcher
        watcher.call_later(_POLL, _look)


def _look() -> None:
    watcher = default.watcher()
    if watcher is None or watcher is not _State.armed:
        return
    count = _native.signals_seen()
    if count:
        _take(count)
    watcher.call_later(_POLL, _look)


def _take(count: int) -> None:
    heap_snapshots: Any = import_module(".handlers.heap_snapshots", __package__)
    target = _State.path
    if target is None:
        return
    if count > 1:
        _log.warning("%d signals asked for a heap snapshot at once: one is written", count)
    is_folder = target.is_dir()
    heap_snapshots.take_and_log(target / heap_snapshots.default_name(folder=target) if is_folder else target)


def _forget() -> None:
    """In a forked child: what the parent asked of its watcher is not asked of this one."""
    _State.armed = None
    _State.waiting = 0
    _arm()
