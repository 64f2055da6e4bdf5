"""Bounds that no holder shows by itself, and beside each what has none."""

from dataclasses import replace

import pytest

from memwatch.diagnosis import implied_bounds
from memwatch.diagnosis.implied_bounds import with_bounds
from memwatch.retain import Edge, EdgeKind, Holding, Step

from ..paths import KEPT, attribute, path

PRODUCTS = (attribute("catalogue", "list", 20_000), Step(Edge(EdgeKind.INDEX, "index"), "app.Product"))
OWN_DICT = (Step(Edge(EdgeKind.FIELD, "__dict__"), "dict", items=3), Step(Edge(EdgeKind.KEY, "'page'"), "str"))
TOTALS = {"app.Product": (20_000, 1 << 20)}


def holding(targets, *steps, items=None, **more):
    return Holding(path("app", *steps), targets, 2000 * targets, targets, {}, "str", "dict", items, 1, None, **more)


@pytest.mark.parametrize("last", [(attribute("page", "str"),), OWN_DICT], ids=["attribute", "own dict"])
def test_what_each_of_old_objects_gets_once_is_no_more_than_there_are_of_them(last):
    (found,) = with_bounds([holding(3800, *PRODUCTS, *last)], {"str": 3800}, TOTALS, 64.0)
    assert (found.bound, found.used, found.is_bounded) == (20_000, 3800, True)


@pytest.mark.parametrize(
    ("targets", "steps", "net"),
    [
        (3800, (*PRODUCTS, attribute("page", "str")), {"app.Product": 3800}),  # ever more products
        (25_000, (*PRODUCTS, attribute("page", "str")), {}),  # more than one each
        (20, (*PRODUCTS, attribute("page", "str")), {}),
        (3800, (*PRODUCTS, attribute("pages", "list"), Step(Edge(EdgeKind.INDEX, "index"), "str")), {}),
        (3800, (attribute("last", "app.Product"), attribute("page", "str")), {}),  # one product alone
        (3800, (*PRODUCTS, attribute("page", "str")), {"str": 100}),  # others took the place of older ones
    ],
)
def test_what_may_come_without_end_has_no_bound(targets, steps, net):
    (found,) = with_bounds([holding(targets, *steps)], {"str": targets, **net}, TOTALS, 64.0)
    assert found.bound is None and not found.is_bounded


@pytest.mark.parametrize(("count", "bound"), [(3800, 20_000), (9000, None)])
def test_a_chain_that_each_of_old_objects_makes_longer_has_no_bound(count, bound):
    """As a log that each of many users keeps as pairs of the last entry and the log before."""
    chains = replace(holding(3800, *PRODUCTS, attribute("log", "tuple")), frontier_type="tuple")
    chains = replace(chains, type_counts={"tuple": count, "str": count})
    assert with_bounds([chains], {"tuple": count, "str": count}, TOTALS, 64.0)[0].bound == bound


@pytest.mark.parametrize(
    ("items", "together", "bound"),
    [(5000, True, 16_000), (5000, False, None), (6000, True, None), (5060, True, 16_192)],
)
def test_as_many_items_as_a_bounded_container_has_that_is_emptied_too(monkeypatch, items, together, bound):
    monkeypatch.setattr(implied_bounds, "is_taken_with", lambda path, other: together)
    order = holding(3800, attribute("order", "deque"), items=5000)
    order = replace(order, bound=16_000, used=5000, bounded_bytes=order.retained_bytes)
    found = with_bounds([holding(3800, attribute("nodes", "dict"), items=items), order], {}, {}, 64.0)
    assert [it.bound for it in found] == [bound, 16_000]


@pytest.mark.parametrize(("bound", "seconds", "least"), [(None, 60, 10_000), (10**7, 60, 10_000), (6000, 60, 6000)])
def test_an_age_bounds_what_a_number_leaves_open(bound, seconds, least):
    held = Holding(KEPT, 3800, 1 << 20, 3800, {}, "str", "dict", 5000, 1, bound, 5000, seconds_kept=120.0)
    assert with_bounds([held], {}, {}, seconds)[0].bound == least
    assert with_bounds([held], {}, {}, 300.0)[0].bound == bound


def test_one_object_that_is_made_anew_at_its_time_is_an_item() -> None:
    """As an index that a search makes anew each minute, of all that came meanwhile."""
    held = replace(holding(1), seconds_kept=50.0)
    found, later = (with_bounds([held], {}, {}, seconds)[0] for seconds in (64.0, 128.0))
    assert (found.bound, found.used, found.is_bounded) == (1, 1, True)
    assert later.bound is None
    assert with_bounds([replace(held, targets=2)], {}, {}, 64.0)[0].bound is None


def test_of_items_that_go_at_their_time_there_are_more_only_because_more_come():
    held = Holding(KEPT, 3800, 1 << 20, 3800, {}, "str", "dict", 5000, 1, None, seconds_kept=20.0, kept_up=True)
    found = with_bounds([held], {}, {}, 300.0)[0]
    assert (found.bound, found.used, found.is_bounded) == (5000, 5000, True)
    assert with_bounds([replace(held, kept_up=False)], {}, {}, 300.0)[0].bound is None


@pytest.mark.parametrize(("used", "in_use", "bound"), [(300, False, None), (600, False, 1000), (300, True, 1000)])
def test_a_bound_that_no_code_has_kept_yet_is_believed_shortly_before_it_is_reached(used, in_use, bound):
    held = replace(holding(used), bound=1000, used=used, bounded_bytes=2000 * used, in_use=in_use)
    assert implied_bounds.without_idle([held])[0].bound == bound
