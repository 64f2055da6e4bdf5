"""Calls that the interpreter makes in the main thread; for builds without our C extension.

The interpreter's pending calls take a C function that gets a pointer and returns an int. `PyObject_IsTrue` is one: it
calls `__bool__`, and an exception of a signal handler in there goes where it would have gone without it.
native/gc_callback.c says why the end of the fork has to be waited for.

From 3.13 on, a call that was added while another one runs bytecode is seen only when the thread takes the GIL again. A
main thread that only computes after a fork, or sleeps at once, delays it.
"""

from __future__ import annotations

import _thread
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from types import FrameType, ModuleType
from typing import Any

from ..internal import internal
from . import name

_ctypes: Any = None
if name == "pure":
    with suppress(ImportError):
        _ctypes = import_module("ctypes")

MOST_CALLS = 3200  # that wait for the end of one fork; the interpreter makes 32 of them each time that it looks
_waiting: list[Pending | Call] = []  # what the interpreter has the address of


def _find_adder() -> Callable[[Pending | Call], bool] | None:
    """The function that adds a pending call; None if Python cannot do it, or the C extension does."""
    python = getattr(_ctypes, "pythonapi", None)
    if _ctypes is None or python is None:
        return None
    prototype = _ctypes.PYFUNCTYPE(_ctypes.c_int, _ctypes.c_void_p, _ctypes.py_object)
    add: Any = prototype(("Py_AddPendingCall", python))
    is_true = _ctypes.cast(python.PyObject_IsTrue, _ctypes.c_void_p)
    return lambda pending: add(is_true, pending) == 0


_add = _find_adder()


@internal
class Pending:
    """Calls a function after a fork: in the main thread of the parent once the fork is over, else at once."""

    __slots__ = ("_calls", "_forking", "_function", "_instruction", "_pid")

    def __init__(self) -> None:
        self._function: Callable[[], None] | None = None  # only while it waits: the function's owner holds this
        self._forking = self._instruction = self._calls = 0
        self._pid = os.getpid()

    def after_fork(self, frame: FrameType | None, function: Callable[[], None]) -> None:
        """Call *function* once the fork by *frame* is over; with None at once. If the interpreter has no room for the
        call, it is not made."""
        self._forking = id(frame)  # not the frame, which would keep the program's variables
        self._instruction = frame.f_lasti if frame is not None else 0
        self._calls = MOST_CALLS if frame is not None else 0
        parent, self._pid = self._pid, os.getpid()
        if parent == self._pid and runs_signal_handlers():
            self._wait(function)
        else:
            function()

    def _wait(self, function: Callable[[], None]) -> None:
        if _add is not None:
            self._function = function
            _waiting.append(self)
            if not _add(self):
                _waiting.remove(self)
                self._function = None

    def __bool__(self) -> bool:
        if self not in _waiting:  # somebody else asks for its truth
            return True
        _waiting.remove(self)
        function, self._function = self._function, None
        if function is not None:
            if self._still_forks(sys._getframe().f_back):
                self._wait(function)
            else:
                function()
        return False

    def _still_forks(self, frame: FrameType | None) -> bool:
        """Whether *frame*, which was interrupted, is above the forking one, with that at the same instruction."""
        if self._calls:
            self._calls -= 1
            while frame is not None and (frame := frame.f_back) is not None:
                if id(frame) == self._forking and frame.f_lasti == self._instruction:
                    return True
            self._calls = 0
        return False


@internal
class Call:
    """Calls a function in the main thread, when that next runs Python."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def begin(self) -> bool:
        """False where it cannot be: the interpreter has no room for the call, or there is no way to ask for it."""
        _waiting.append(self)
        if _add is not None and _add(self):
            return True
        _waiting.remove(self)
        return False

    def __bool__(self) -> bool:
        if self in _waiting:
            _waiting.remove(self)
            self._function()
        return False


def runs_signal_handlers() -> bool:
    """Whether this is the main thread. In a forked child `threading` has the number that it had in the parent; Linux
    gives a process's first thread the number of the process."""
    thread = _thread.get_native_id()
    if thread == _leader():
        return True
    threading = sys.modules.get("threading")
    main = vars(threading).get("main_thread") if type(threading) is ModuleType else None
    return main is None or bool(main().native_id == thread)


def _leader() -> int:
    """The number of the first thread of the process; -1 if it is not known."""
    return os.getpid() if sys.platform == "linux" else -1
