"""The pytest plugin: a fixture `heap_diff` and a mark `memwatch_check`. Nothing is loaded before a test uses them."""

from __future__ import annotations

import os
import unittest
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .scenario import HeapDiffFixture

_MARK = "memwatch_check"
_LEAST = 65536  # bytes
_NOT_YOURS = ("_pytest.", "memwatch.")


@pytest.fixture
def heap_diff(request: pytest.FixtureRequest) -> HeapDiffFixture:
    """Find leaks: ``heap_diff(fn)`` fails the test if fn leaks; ``with heap_diff() as found:``, then found.diff."""
    from .scenario import HeapDiffFixture

    return HeapDiffFixture(partial(_fixtures_of, request.node))


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a whole run."""
    group = parser.getgroup("memwatch", "memory that tests leave behind")
    group.addoption(
        "--memwatch", action="store_true", help="say which tests leave memory behind, by type, line and holder"
    )
    group.addoption(
        "--memwatch-fail",
        action="store_true",
        help="the same, and the run fails if any do",
    )
    group.addoption(
        "--memwatch-least",
        type=int,
        metavar="BYTES",
        default=_LEAST,
        help=f"report only what has at least this size (default: {_LEAST})",
    )
    group.addoption(
        "--memwatch-loops",
        type=int,
        metavar="N",
        help=f"run each selected test in rounds of N, 2 N, ... calls, as the mark {_MARK} does: does it leak?",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, and watch the run if that was asked for."""
    text = "run the test in rounds; it fails if memory grows in every one"
    config.addinivalue_line("markers", f"{_MARK}(loops=2, max_rounds=5, ignore=(), max_growth=0): {text}")
    _close_socket()
    option = config.option
    if option.memwatch or option.memwatch_fail:
        if not hasattr(config, "stash"):
            raise pytest.UsageError(f"--memwatch needs pytest 7.0 or later; this is pytest {pytest.__version__}")
        if option.memwatch_least < 0:
            raise pytest.UsageError(f"--memwatch-least takes 0 bytes or more, not {option.memwatch_least}")
        from .suite.plugin import SuitePlugin

        config.pluginmanager.register(
            SuitePlugin(config, option.memwatch_least, option.memwatch_fail), "memwatch-suite"
        )


def _close_socket() -> None:
    """Nobody asks a run of tests, some of which count sockets and descriptors; unless the program wants to be asked."""
    from .default import listener, watcher

    listening, watching = listener(), watcher()
    if listening is not None and watching is not None and not os.environ.get("MEMWATCH_SOCKET"):
        watching.call_later(0.0, listening.close)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Let the methods of a unittest.TestCase run in rounds, which pytest calls in a way of their own."""
    __tracebackhide__ = True
    if isinstance(item, pytest.Function) and item.cls is not None and issubclass(item.cls, unittest.TestCase):
        with _in_rounds(item):
            yield
    else:
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Let functions run in rounds, with the same fixtures in all of them."""
    __tracebackhide__ = True
    with _in_rounds(pyfuncitem):
        yield


@contextmanager
def _in_rounds(item: pytest.Function) -> Iterator[None]:
    """Put a check of its function in the function's place, where *item* is marked."""
    mark, function = item.get_closest_marker(_MARK), item.obj
    if mark is None and (loops := item.config.option.memwatch_loops) is not None:
        mark = pytest.mark.memwatch_check(loops=loops).mark
    if mark is not None:
        item.obj = partial(_check, mark, function, _fixtures_of(item))
    try:
        yield
    finally:
        item.obj = function


def _fixtures_of(item: pytest.Item) -> dict[str, object]:
    """The values of the test's fixtures by name, without those that are pytest's own or memwatch's."""
    values = getattr(item, "funcargs", None) or {}
    return {name: value for name, value in values.items() if not type(value).__module__.startswith(_NOT_YOURS)}


def _check(mark: pytest.Mark, function: Callable[..., object], kept: Mapping[str, object], /, **fixtures: Any) -> None:
    __tracebackhide__ = True
    from .scenario import check_with_fixtures

    check_with_fixtures(partial(function, **fixtures), kept, *mark.args, **mark.kwargs)
