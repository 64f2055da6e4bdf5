"""Two that hold the same: each is told with its part, and nobody else is."""

from __future__ import annotations

import sys
from array import array
from collections import deque
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from memwatch.heap import take_snapshot
from memwatch.retain import Holding, find_holdings, share_among


class Order:
    """What leaks."""


@pytest.fixture
def app() -> Iterator[Any]:
    module = sys.modules["app"] = ModuleType("app")
    yield module
    del sys.modules["app"]


def shared(known: array[int]) -> tuple[Holding, ...]:
    return share_among(find_holdings(known)[0], known)


def test_two_containers_share_what_both_hold(app: Any) -> None:
    app.first, app.second, app.third = [], {}, deque(Order() for _ in range(500))
    known = take_snapshot().addresses
    for number in range(500):
        order = Order()
        app.first.append(order)
        app.second[number] = order
    whole = find_holdings(known)[0]
    told = share_among(whole, known)
    names = {step.partition(":")[0] for it in told for step in it.path.lines if step.startswith(".")}
    assert names == {".first", ".second"} and len({it.holder_address for it in told}) == 2
    assert sum(it.retained_bytes for it in told) == pytest.approx(whole.retained_bytes, abs=2)
    assert [it.targets for it in told] == pytest.approx([500, 500], abs=2)


def test_what_holds_a_few_of_them_shares_nothing(app: Any) -> None:
    app.first, app.latest = [], []
    known = take_snapshot().addresses
    app.first.extend(Order() for _ in range(500))
    app.latest.extend(app.first[-100:])
    assert len(shared(known)) == 1


def test_what_hangs_under_the_holder_itself_is_silent(app: Any) -> None:
    """As the loggers that logging keeps by their names, and each parent of them again."""
    app.orders, index = {}, {}
    app.orders["index"] = index
    known = take_snapshot().addresses
    for number in range(500):
        order = Order()
        index[number] = app.orders[number] = order
    (alone,) = shared(known)
    assert alone.path.lines[1].startswith(".orders") and len(alone.path.lines) == 3
    assert alone.targets == pytest.approx(500, abs=2)


def test_a_list_beside_a_bounded_cache_has_half_of_it(app: Any) -> None:
    app.cache, app.log = deque(maxlen=5000), []
    known = take_snapshot().addresses
    for _ in range(500):
        app.cache.append(order := Order())
        app.log.append(order)
    told = shared(known)
    assert sorted(it.is_bounded for it in told) == [False, True]
    assert told[0].retained_bytes == told[1].retained_bytes


def test_objects_that_are_gone_meanwhile_are_no_matter(app: Any) -> None:
    app.first = []
    known = take_snapshot().addresses
    app.first.extend(Order() for _ in range(500))
    found = find_holdings(known)[0]
    app.first.clear()
    assert share_among(found, known) == (found,)
