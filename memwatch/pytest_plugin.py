"""The pytest plugin: a fixture `heap_diff` and a mark `memwatch_check`. Nothing is loaded before a test uses them."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, overload

import pytest

if TYPE_CHECKING:
    from .heap import HeapDiff
    from .scenario import CheckResult

_MARK = "memwatch_check"


class HeapDiffFixture:
    """What the fixture `heap_diff` gives: call it with a function to check that, or alone for a diff of a block."""

    @overload
    def __call__(self) -> HeapDiff: ...

    @overload
    def __call__(
        self, fn: Callable[[], object], loops: int = 2, max_rounds: int = 5, *, ignore: Sequence[object] = ()
    ) -> CheckResult: ...

    def __call__(self, fn: Callable[[], object] | None = None, *args: Any, **options: Any) -> HeapDiff | CheckResult:
        """`memwatch.check` with these arguments; a new HeapDiff, to be used with `with`, where there are none."""
        __tracebackhide__ = True
        if fn is None:
            from .heap import HeapDiff

            return HeapDiff(*args, **options)
        from .scenario import check

        return check(fn, *args, **options)


@pytest.fixture
def heap_diff() -> HeapDiffFixture:
    """Find leaks: ``heap_diff(fn)`` fails the test if fn leaks; ``with heap_diff() as found:``, then found.diff."""
    return HeapDiffFixture()


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    text = f"{_MARK}(loops=2, max_rounds=5, ignore=()): run the test in rounds; it fails if memory grows in every one"
    config.addinivalue_line("markers", text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Let the methods of a unittest.TestCase run in rounds, which pytest calls in a way of their own."""
    __tracebackhide__ = True
    if isinstance(item, pytest.Function) and _is_unittest(item):
        with _in_rounds(item):
            return (yield)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Let functions run in rounds, with the same fixtures in all of them."""
    __tracebackhide__ = True
    with _in_rounds(pyfuncitem):
        return (yield)


def _is_unittest(item: pytest.Function) -> bool:
    return item.cls is not None and issubclass(item.cls, unittest.TestCase)


@contextmanager
def _in_rounds(item: pytest.Function) -> Iterator[None]:
    """Put a check of its function in the function's place, where *item* is marked."""
    mark, function = item.get_closest_marker(_MARK), item.obj
    if mark is not None:
        item.obj = partial(_check, mark, function)
    try:
        yield
    finally:
        item.obj = function


def _check(mark: pytest.Mark, function: Callable[..., object], /, **fixtures: Any) -> None:
    __tracebackhide__ = True
    from .scenario import check

    check(partial(function, **fixtures), *mark.args, **mark.kwargs)
