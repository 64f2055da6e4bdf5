"""Wraps functions so that they run in a block. The block of a generator is left while it is suspended."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import partial, wraps
from types import TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from ..errors import OptionError
from . import tracer
from .tracer import current, place

Params = ParamSpec("Params")
Result = TypeVar("Result")


class Block(Protocol):
    """A context manager, such as a TraceBlock."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


MakeBlock = Callable[[], Block]


def wrap(function: Callable[Params, Result], block: MakeBlock) -> Callable[Params, Result]:
    """Wraps *function*: each call runs in a new *block()*. The result is the same kind of function.

    An `async def` is in its block until it returns. A generator, async or not, is in it from its first step to its
    end, except while it is suspended. Raises OptionError if it is no function.
    """
    if isinstance(function, type | staticmethod | classmethod | property) or not callable(function):
        shown = function.__qualname__ if isinstance(function, type) else f"a {type(function).__qualname__}"
        raise OptionError(f"trace_block decorates functions, and {shown} is not one; put it below other decorators")
    chosen: Any = _wrap_plain
    if inspect.isasyncgenfunction(function):
        chosen = _wrap_async_generator
    elif inspect.isgeneratorfunction(function):
        chosen = _wrap_awaitable_generator if _is_awaitable(function) else _wrap_generator
    elif inspect.iscoroutinefunction(function):
        chosen = _wrap_coroutine
    return cast(Callable[Params, Result], chosen(function, block))


def _wrap_plain(function: Callable[..., Any], block: MakeBlock) -> Callable[..., Any]:
    @wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Any:
        if tracer.active is None:
            return function(*args, **kwargs)
        with block():
            return function(*args, **kwargs)

    return traced


def _wrap_coroutine(function: Callable[..., Any], block: MakeBlock) -> Callable[..., Any]:
    @wraps(function)
    async def traced(*args: Any, **kwargs: Any) -> Any:
        with block():
            return await function(*args, **kwargs)

    return traced


def _wrap_generator(function: Callable[..., Any], block: MakeBlock) -> Callable[..., Any]:
    @wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        with _Steps(block()) as steps:
            step, value = generator.send, None
            while True:
                try:
                    given = step(value)
                except StopIteration as stop:
                    return stop.value
                finally:
                    value = None  # the traceback of an exception that was thrown in must not hold it
                steps.leave()
                try:
                    value = yield given
                    step = generator.send
                except BaseException as error:  # also GeneratorExit: the generator itself answers it
                    step, value = generator.throw, error
                steps.resume()

    return traced


def _is_awaitable(function: Any) -> bool:
    """Whether *function* makes generators that can be awaited, as by `types.coroutine`."""
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_ITERABLE_COROUTINE)


def _wrap_awaitable_generator(function: Callable[..., Any], block: MakeBlock) -> Callable[..., Any]:
    return types.coroutine(_wrap_generator(function, block))


def _wrap_async_generator(function: Callable[..., Any], block: MakeBlock) -> Callable[..., Any]:
    @wraps(function)
    async def traced(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator = function(*args, **kwargs)
        with _Steps(block()) as steps:
            step, value = partial(_first_step, generator), None
            while True:
                try:
                    given = await step(value)
                except StopAsyncIteration:
                    return
                finally:
                    value = None
                steps.leave()
                try:
                    value = yield given
                    step = generator.asend
                except BaseException as error:
                    step, value = generator.athrow, error
                steps.resume()

    return traced


def _first_step(generator: AsyncGenerator[Any, Any], value: None) -> Awaitable[Any]:
    """Start *generator* hidden from the event loop, which would otherwise close it while its wrapper does."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, _leave_to_wrapper)
    try:
        return generator.asend(value)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _leave_to_wrapper(generator: AsyncGenerator[Any, Any]) -> None:
    """Let the wrapper close *generator*, even if one collection finds both."""


class _Steps:
    """A block that is entered only while its generator runs, so that the generator's callers are not in it."""

    __slots__ = ("_block", "_inner", "_outer")

    def __init__(self, block: Block) -> None:
        self._block = block

    def __enter__(self) -> _Steps:
        self._outer = current.get()
        self._block.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._block.__exit__(kind, error, trace)
        place(self._outer)

    def leave(self) -> None:
        """The generator is suspended, perhaps in blocks of its own. Its caller returns to the block that it was in."""
        self._inner = current.get()
        place(self._outer)

    def resume(self) -> None:
        """The generator continues, perhaps in another thread or task."""
        self._outer = current.get()
        place(self._inner)
