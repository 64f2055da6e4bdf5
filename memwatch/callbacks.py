"""Functions of the program that memwatch calls: which are the same, which make coroutines, what is said of a fault."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from types import BuiltinMethodType, MethodType
from typing import Any

from .errors import describe_error
from .logs import Log

_METHODS = (MethodType, BuiltinMethodType)  # a new object each time that one is asked for
_log = Log()


def key_of(function: Any) -> tuple[int, int]:
    """What tells functions apart, also bound methods: of these both parts stay where they are."""
    return (id(function.__self__), id(function.__func__)) if type(function) is MethodType else (0, id(function))


def is_same(one: object, other: object) -> bool:
    """Whether both are one function; only bound methods are compared, as other objects may define what equal means."""
    return one is other or (type(one) is type(other) and type(one) in _METHODS and bool(one == other))


def makes_coroutines(function: Any) -> bool:
    """Whether calling *function* gives a coroutine: an `async def`, a partial of one, an object with such a call."""
    import inspect  # 0.5 MiB that a process does not need which is watched and does not ask

    while type(function) is partial:
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def load_colours() -> None:
    """Load what `traceback` imports late from 3.15 on, for the error of a receiver: memwatch's own thread imports
    nothing. A process without receivers does without: this takes a tenth of the interpreter's own start."""
    with suppress(ImportError):
        import_module("_colorize")


class Faults:
    """The functions that have raised: each is logged the first time, as one of *what*, and then no more.

    With *traceback* the error's message is logged too; it may hold data of the program.
    """

    def __init__(self, what: str, traceback: bool) -> None:
        self._what = what
        self._traceback = traceback
        self._faulty: set[tuple[int, int]] = set()

    def tell(self, function: Callable[..., Any], error: BaseException) -> None:
        """*function* has raised *error*."""
        key = key_of(function)
        if key not in self._faulty:
            self._faulty.add(key)
            _log.error(
                "%s raised %s; it keeps being called, and its further errors are not logged",
                self._what,
                describe_error(error),
                exc_info=error if self._traceback else None,
            )

    def forget(self, function: Callable[..., Any]) -> None:
        """*function* is new, or gone."""
        self._faulty.discard(key_of(function))
