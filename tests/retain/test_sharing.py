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

    def __init__(self) -> None:
        self.rows = bytearray(500)

    def close(self) -> None:
        """A callback."""


class Store(Order):
    """What stays."""


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


def test_holders_alike_are_one(app: Any) -> None:
    """As queues of which each gets every event."""
    app.queues, app.journal = {number: deque() for number in range(6)}, []
    known = take_snapshot().addresses
    for _ in range(200):
        order = Order()
        app.journal.append(order)
        for queue in app.queues.values():
            queue.append(order)
    whole = find_holdings(known)[0]
    told = share_among(whole, known)
    assert sorted(it.path.lines[1].partition(":")[0] for it in told) == [".journal", ".queues"]
    assert sum(it.retained_bytes for it in told) == pytest.approx(whole.retained_bytes, abs=2)
    others = {it.path.holder: sorted(other.holder for other in it.others) for it in told}
    assert others == {"app.queues": ["app.journal", "app.queues"], "app.journal": ["app.queues"]}


def test_what_one_of_them_puts_into_a_list_of_its_own_is_shared_too(app: Any) -> None:
    app.first, app.second = {}, []
    known = take_snapshot().addresses
    for number in range(500):
        order = Order()
        app.first[number] = [order]
        app.second.append([number, (order,)])
    names = {step.partition(":")[0] for it in shared(known) for step in it.path.lines if step.startswith(".")}
    assert names == {".first", ".second"}


def test_a_copy_that_a_running_function_has_made_is_no_other_holder(app: Any) -> None:
    app.first, here = [], []
    known = take_snapshot().addresses
    app.first.extend(Order() for _ in range(500))
    copied = list(app.first)
    assert [it.path.lines[0] for it in shared(known)] == ["module app"]
    here.extend(copied)
    copied.clear()
    assert len(shared(known)) == 2 and len(here) == 500  # known from before: it stays as long as the function runs


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


def test_a_callback_of_each_holds_it_as_well(app: Any) -> None:
    """As os.register_at_fork does: the list there has a bound method of each object."""
    app.seen, app.callbacks = set(), []
    known = take_snapshot().addresses
    for _ in range(500):
        order = Order()
        app.seen.add(order)
        app.callbacks.append(order.close)
    told = shared(known)
    paths = {it.path.text for it in told}
    assert paths == {"module app > seen: set, 500 items > [item]", "module app > callbacks: list, 500 items > [index]"}
    assert all({other.text for other in it.others} == paths - {it.path.text} for it in told)
    assert told[0].retained_bytes == told[1].retained_bytes


def test_callbacks_of_others_hold_nothing_of_it(app: Any) -> None:
    app.seen, app.callbacks, app.store = [], [], Store()
    known = take_snapshot().addresses
    for _ in range(500):
        order = Order()
        app.seen.append(order)
        app.callbacks.append(app.store.close)
    app.callbacks.append(order.close)
    assert [it.path.holder for it in shared(known)] == ["app.seen"]


def test_of_many_holders_a_few_have_a_part_and_each_has_the_paths_of_all(app: Any) -> None:
    lists: list[list[Order]] = [[] for _ in range(7)]
    for name, held in zip("abcdefg", lists, strict=True):
        setattr(app, name, held)
    known = take_snapshot().addresses
    for _ in range(100):
        order = Order()
        for held in lists:
            held.append(order)
    del lists, held
    told = shared(known)
    assert len(told) == 4 and all(len(it.others) == 6 for it in told)
