"""Do the times that items store show that all older ones have gone? The code that takes them out has to be run.

All times are so far from a bound that a search of many seconds changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from memwatch.retain import Holding, find_holdings

ITEMS = 300


class Expiring:
    """What each item has to wait for is its own time."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def put(self, until: float) -> None:
        self.items.append(Stream(until))

    def sweep(self) -> None:
        now = time.monotonic()
        self.items = [it for it in self.items if it.until > now]


class Stream:
    def __init__(self, until: float) -> None:
        self.until = until


class Results:
    """Whose sweep stores its time."""

    def __init__(self) -> None:
        self.items: dict[int, Any] = {}
        self.swept = 0.0

    def put(self, done: float) -> None:
        self.items[len(self.items)] = {"done": done, "text": "x" * 100}

    def sweep(self) -> None:
        self.swept = time.monotonic()
        for key in [key for key, it in self.items.items() if it["done"] + 300 < self.swept]:
            self.items.pop(key)


@pytest.fixture
def found(app: Any, known: Callable[[], Any]) -> Callable[..., Holding]:
    """Finds what *holder* holds after items of these times, from now, were put into it."""

    def find(holder: Any, times: list[float]) -> Holding:
        app.holder, now = holder, time.monotonic()
        for _ in range(10):  # 3.11 notes only after eight calls that code is run
            holder.sweep()
        before = known()
        for seconds in times:
            holder.put(now + seconds)
        return next(it for it in find_holdings(before) if "holder" in it.path.text)

    return find


def spread(first: float, last: float) -> list[float]:
    return [first + (last - first) * n / ITEMS for n in range(ITEMS)]


@pytest.mark.parametrize(("kind", "first", "last"), [(Expiring, 100.0, 400.0), (Results, -100.0, 0.0)])
def test_all_that_were_older_have_gone(found: Any, kind: Any, first: float, last: float) -> None:
    held = found(kind(), spread(first, last))
    assert held.seconds_kept is not None
    assert held.kept_up


def test_items_that_stay_past_their_time_show_a_leak(found: Any) -> None:
    assert not found(Results(), spread(-900.0, 0.0)).kept_up
    assert not found(Expiring(), spread(-100.0, 300.0)).kept_up


def test_so_do_a_few_of_many(found: Any) -> None:
    assert not found(Results(), [*spread(-3000.0, -2000.0)[::10], *spread(-100.0, 0.0)]).kept_up
