"""What all tests share: the backend is named and checked, no watcher outlives its test, time can be made by hand."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator

import pytest

import memwatch


class FakeClock:
    """Seconds that pass only when a test says so; call it to read them."""

    def __init__(self, start: float = 1000.0) -> None:
        self.now = start

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> float:
        """Let *seconds* pass; the new time."""
        self.now += seconds
        return self.now


def pytest_report_header() -> str:
    return f"memwatch backend: {memwatch.backend.name} ({memwatch.backend.reason})"


def pytest_sessionstart() -> None:
    asked = os.environ.get("MEMWATCH_BACKEND", "")
    if asked and asked != memwatch.backend.name:
        pytest.exit(f"MEMWATCH_BACKEND={asked}, but {memwatch.backend.name} is loaded: {memwatch.backend.reason}", 4)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; processes we start inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def size_of() -> Callable[[object], int]:
    """The bytes that the backend in use counts for an object."""
    if memwatch.backend.name == "pure":
        return sys.getsizeof
    from memwatch.backend._native import measure

    return measure


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(autouse=True)
def _no_watcher_left() -> Iterator[None]:
    yield
    if "memwatch.default" in sys.modules and memwatch.watcher() is not None:
        memwatch.stop()
    if "memwatch.default" in sys.modules:
        sys.modules["memwatch.default"]._state.stopped_by_hand = False  # or no receiver of a later test starts one
