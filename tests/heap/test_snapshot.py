"""The snapshot: numbers and labels alone, small, searchable."""

from __future__ import annotations

import gc
import time

import pytest

from memwatch.heap import Cancelled, take_snapshot


class Order:
    pass


def test_contains_tells_whether_that_type_was_at_that_address() -> None:
    order = Order()
    snapshot = take_snapshot()
    assert snapshot.contains(id(order), f"{__name__}.Order")
    assert not snapshot.contains(id(order), "dict")
    assert not snapshot.contains(id(order) + 1, f"{__name__}.Order")
    assert not snapshot.contains(0, "dict")
    assert not snapshot.contains(2**63, "dict")


def test_totals_and_time() -> None:
    before = time.time()
    snapshot = take_snapshot()
    assert snapshot.nodes == len(snapshot.addresses)
    assert list(snapshot.addresses[:5]) == sorted(snapshot.addresses[:5])
    counts, sizes = zip(*snapshot.identity.totals.values(), strict=True)
    assert (snapshot.nodes, snapshot.size_bytes) == (sum(counts), sum(sizes))
    assert snapshot.pause_seconds > 0
    assert before <= snapshot.time <= time.time()


def test_it_keeps_twenty_bytes_an_object_at_most() -> None:
    many = [float(number) for number in range(200_000)]
    snapshot = take_snapshot()
    assert snapshot.nodes > len(many)
    assert snapshot.nbytes / snapshot.nodes <= 20


def test_it_refers_to_numbers_and_labels_alone() -> None:
    snapshot = take_snapshot(deep=False)
    found, kinds = [snapshot], set()
    while found:
        kinds |= {type(it).__name__ for it in found}
        found = [it for it in gc.get_referents(*found) if not isinstance(it, type)]
    assert kinds <= {
        "Snapshot",
        "ListedObjectSet",
        "Listing",
        "ObjectSet",
        "float",
        "bool",
        "tuple",
        "list",
        "dict",
        "array",
        "int",
        "str",
    }


def test_excluded_objects_are_not_in_it() -> None:
    order = Order()
    assert not take_snapshot(exclude=(order,)).contains(id(order), f"{__name__}.Order")


@pytest.mark.parametrize("deep", [True, False])
def test_it_can_be_given_up(deep: bool) -> None:
    with pytest.raises(Cancelled):
        take_snapshot(deep, should_cancel=lambda: True)
    assert take_snapshot(deep, should_cancel=lambda: False).nodes
