"""What is this interpreter? And: keeping signals out of a call, and giving a thread of memwatch's its stack."""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from types import FrameType
from typing import Any, TypeAlias, TypeVar

from . import FREE_THREADED
from .stopped import StoppedFrame, stopped_frames

Result = TypeVar("Result")

Frame: TypeAlias = FrameType | StoppedFrame

_STACK = 2 << 20  # bytes: importing compiles, and the parser goes deep
_resource: Any = None
with suppress(ImportError):
    _resource = import_module("resource")

_FAULTS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT")  # blocking these would hide a crash from faulthandler
# The C functions themselves: a handler of the program that raises cannot come between the mask and its restoring.
_signal: Any = import_module("_signal")
_set_mask: Any = getattr(_signal, "pthread_sigmask", None)
_BLOCKED = set(_signal.valid_signals()) - {getattr(_signal, name, None) for name in _FAULTS}


def uninterrupted(function: Callable[[], Result]) -> Result:
    """Call *function* with the signals of this thread blocked, so that their handlers raise before or after it.

    If the program has other threads the system may give the signal to one of them; Python then runs the handler in the
    main thread all the same.
    """
    if _set_mask is None:
        return function()
    before = _set_mask(_signal.SIG_BLOCK, ())
    try:
        _set_mask(_signal.SIG_BLOCK, _BLOCKED)
        return function()
    finally:
        _set_mask(_signal.SIG_SETMASK, before)


def with_stack(start: Callable[[], Result]) -> Result:
    """Call *start*, which starts a thread of memwatch's, and see to it that this has room on its stack.

    `threading.stack_size` holds for all threads, and a program with thousands of them makes it small. Nobody can ask
    for it without setting it. A thread of the program's that starts meanwhile has more room than it asked for.
    """
    before = _thread.stack_size(_STACK)
    if (before or _default_stack()) >= _STACK:
        _thread.stack_size(before)
        return start()
    try:
        return start()
    finally:
        meanwhile = _thread.stack_size(before)
        if meanwhile != _STACK:
            _thread.stack_size(meanwhile)


def _default_stack() -> int:
    """What the system gives a thread, in bytes, as far as a limit says it."""
    soft: int = _resource.getrlimit(_resource.RLIMIT_STACK)[0] if _resource is not None else -1
    return soft if soft > 0 else _STACK


def is_main_interpreter() -> bool:
    """False in a subinterpreter."""
    for name in ("_interpreters", "_xxsubinterpreters"):  # from 3.13, before
        try:
            interpreters: Any = import_module(name)
        except ImportError:
            continue
        return bool(interpreters.get_current() == interpreters.get_main())
    return True


def count_interpreters() -> int:
    """The number of interpreters in this process; 1 if no Python code can have made another."""
    interpreters = sys.modules.get("_interpreters") or sys.modules.get("_xxsubinterpreters")
    return 1 if interpreters is None else len(interpreters.list_all())


def count_threads() -> int:
    """The number of threads that Python code has started and that are not over."""
    return _thread._count()


def current_frames(variables: bool = False) -> dict[int, Frame]:
    """The innermost frame of each thread, by its number; while Python code has made another interpreter, that of the
    calling thread alone.

    CPython makes frame objects for the threads of all interpreters. One with a GIL of its own runs meanwhile, and frees
    them with its own allocator. On free-threaded Python each is a `StoppedFrame`, with *variables* or without.
    """
    if FREE_THREADED:
        return {**stopped_frames(variables)}
    if count_interpreters() == 1:
        return {**sys._current_frames()}
    return {_thread.get_ident(): sys._getframe()}
