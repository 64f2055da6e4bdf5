"""`trace_block`: records the memory at the start and at the end of a block of code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from types import TracebackType
from typing import ParamSpec, TypeVar

from ..errors import OptionError
from ..internal import internal
from . import tracer
from .tracer import OpenBlock, current, enclosing, place
from .wrappers import wrap

Params = ParamSpec("Params")
Result = TypeVar("Result")

_LONGEST_NAME = 256


def check_name(name: object) -> str:
    """*name* as a plain str, cut at 256 characters. Raises OptionError if it is no str."""
    if not isinstance(name, str):
        raise OptionError(f"a record's name must be a str, not of type {type(name).__qualname__}")
    return str.__str__(name)[:_LONGEST_NAME]


@lru_cache(maxsize=512)
def _names(name: str) -> tuple[str, str]:
    """The names of both records. They are made once, since the ring keeps them."""
    return f"{name}-block-start", f"{name}-block-end"


@internal
class TraceBlock:
    """A named block; see `memwatch.trace.trace_block`. One object may be entered many times, also at the same time."""

    __slots__ = ("__weakref__", "_entered", "name")

    def __init__(self, name: str) -> None:
        self.name = check_name(name)
        self._entered: list[OpenBlock | None] = []  # None: entered while no trace was running

    def __enter__(self) -> TraceBlock:
        trace = tracer.active
        if trace is None:
            self._entered.append(None)
            return self
        block = OpenBlock(trace, self, enclosing())
        self._entered.append(block)
        try:
            place(block)
            trace.start(block, _names(self.name)[0])
        except BaseException:  # Ctrl-C: there will be no end
            self._take()
            _leave(block)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        block = self._take()
        if block is None or block.ended:
            return
        try:
            if block.tracer is tracer.active:
                by_error = kind is not None and kind is not GeneratorExit  # that one is how a generator is closed
                block.tracer.end(block, _names(self.name)[1], kind.__name__ if kind and by_error else None)
        finally:
            _leave(block)

    def __call__(self, function: Callable[Params, Result]) -> Callable[Params, Result]:
        """Wraps *function*: each call runs in a block of its own. See `memwatch.trace.trace_block`."""
        name = self.name
        return wrap(function, lambda: TraceBlock(name))

    def _take(self) -> OpenBlock | None:
        """Which entry ends: the innermost one of this thread or task. Without one, it is an entry from before `init`,
        which has no record, or else the last one, of a generator that ended in another thread or task.
        """
        block = current.get()
        while block is not None and (block.ended or block.owner() is not self):
            block = block.parent
        if block is None:
            entered = (None, *self._entered)
            silent = (each for each in entered[1:] if each is None or not each.is_live)
            block = next(silent, entered[-1])
        with suppress(ValueError):
            self._entered.remove(block)
        return block


def _leave(block: OpenBlock) -> None:
    block.ended = True
    place(enclosing())
