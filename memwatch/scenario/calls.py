"""Calling what is checked: a function, or a coroutine function, which runs in an event loop of the check's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from types import CoroutineType, FunctionType, MethodType
from typing import Any

from ..diagnosis.places import place_of
from ..errors import UnsupportedError
from ..internal import internal
from ..kinds import Kinds

_WRAPPERS = Kinds(partial, MethodType)


@internal
class Caller:
    """Calls a function, and waits for the coroutine where it gives one. All of them run in one loop, which stays open
    between the calls: what a task of one call leaves behind is there when the heap is looked at.
    """

    __slots__ = ("_function", "_runner")

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._runner: asyncio.Runner | None = None

    def call(self, times: int) -> None:
        """Call it so often. Its exceptions pass; UnsupportedError where a coroutine needs a loop and one is running."""
        for _ in range(times):
            outcome: Any = self._function()
            if type(outcome) is CoroutineType:
                self._wait_for(outcome)

    def close(self) -> None:
        """End the loop, if there was one: tasks that are left in it are cancelled."""
        if self._runner is not None:
            self._runner.close()

    def _wait_for(self, coroutine: CoroutineType[Any, Any, Any]) -> None:
        if self._runner is None:
            if _loop_is_running():
                coroutine.close()
                raise UnsupportedError("a coroutine cannot be checked while a loop is running: check it in a plain def")
            self._runner = asyncio.Runner()
        self._runner.run(coroutine)


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def place_of_function(fn: object) -> str:
    """Where *fn* is defined, as ``test_app.py:12 in test_load``; empty for what Python code does not define."""
    while type(fn) in _WRAPPERS:
        fn = fn.func if isinstance(fn, partial) else getattr(fn, "__func__", None)
    if not isinstance(fn, FunctionType):
        return ""
    code = fn.__code__
    return place_of({"function": code.co_qualname, "file": code.co_filename, "line": code.co_firstlineno})
