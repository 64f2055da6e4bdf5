"""The search in C and the one in Python find the same, and the one in C fails well."""

from __future__ import annotations

import gc
import sys
import threading
import types
import weakref
from array import array
from collections import deque, namedtuple
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from memwatch.retain import RootKind, expected_search, find_holdings, pure, retaining_paths
from memwatch.retain.found import NEW_UNKNOWN, NEW_WANTED, Query
from memwatch.retain.search import IN_C, Search

native = pytest.mark.skipif(not IN_C, reason="of the search in C")


class Order:
    """What is held."""


def drawn(places: list[Any]) -> list[str]:
    return [place.path().text for place in places]


def test_both_searches_draw_the_same_paths(app: Any) -> None:
    app.orders = {"list": [Order()], "tuple": (Order(),), "set": {Order()}, "nested": [[{"a": Order()}]]}
    app.config = type("Config", (), {"__module__": "app", "order": Order()})
    orders = [it for it in gc.get_objects() if type(it) is Order]
    for order in orders:
        given = array("Q", [id(order)])
        with Search(Query(NEW_WANTED, given)) as places:
            assert drawn(places) == drawn(pure.search_in_python(Query(NEW_WANTED, given)))


def test_what_a_search_will_take_is_known_beforehand() -> None:
    pause, seconds = expected_search(1_000_000)
    assert 0 < pause <= seconds and expected_search(2_000_000) == (2 * pause, 2 * seconds)


@pytest.mark.slow
@native
def test_without_memory_it_says_so_and_keeps_nothing(app: Any) -> None:
    from memwatch.backend import _native

    app.kept = [[Order()] for _ in range(100)]
    gone = weakref.ref(app.kept[0][0])
    for call in (lambda: retaining_paths(app.kept[0][0]), lambda: find_holdings(array("Q"))):
        mappings = 0
        while not succeeds(_native, mappings, call):
            mappings += 1
        assert mappings > 10
    app.kept.clear()
    assert gone() is None


def succeeds(backend: Any, mappings: int, call: Any) -> bool:
    """Whether *call* comes to its end with so many mappings."""
    backend.fail_after(mappings)
    try:
        call()
    except MemoryError:
        return False
    finally:
        backend.fail_after(-1)
    return True


@native
def test_memory_is_given_back(app: Any) -> None:
    from memwatch.backend import _native

    app.kept = [[number] for number in range(10_000)]
    retaining_paths(app.kept)
    first = _native.peak_bytes()
    for _ in range(5):
        retaining_paths(app.kept)
    assert _native.peak_bytes() < 1.2 * first


@native
def test_arguments_of_a_wrong_kind_are_refused() -> None:
    from memwatch.backend import _native
    from memwatch.retain.native import question

    request = question(Query(NEW_UNKNOWN, array("Q"))).request
    with pytest.raises(TypeError, match="a request is a dict"):
        _native.search(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="list"):
        _native.search({**request, "hidden": ()})  # type: ignore[typeddict-item]
    with pytest.raises(TypeError, match="13"):
        _native.search({**request, "nearby": 1})  # type: ignore[typeddict-unknown-key]
    del request["near"]  # type: ignore[misc]
    with pytest.raises(TypeError, match="near"):
        _native.search(request)


@native
def test_what_the_collector_does_not_see() -> None:
    from memwatch.backend import _native

    order = Order()
    grid = numpy.full((2, 3), order, dtype=object)
    assert _native.untracked_referents(grid[:, 1:], numpy.ndarray)[1:] == [order] * 4
    assert _native.untracked_referents(numpy.zeros(3), numpy.ndarray) == []
    assert _native.untracked_referents(numpy.array(order, dtype=object), numpy.ndarray) == [order]
    assert _native.untracked_referents(numpy.empty((0, 3), dtype=object), numpy.ndarray) == []
    code = compile("x = ('a', ('b', frozenset({'c'})))", "f", "exec")
    held = _native.untracked_referents(code, numpy.ndarray)
    assert all(any(it is part for it in held) for part in (code.co_consts, code.co_names, code.co_linetable))


def test_a_function_that_waits_for_another_holds_what_it_computes_with(app: Any) -> None:
    found: list[str] = []

    def look(order: Order) -> None:
        found.extend(path.text for path in retaining_paths(order, limit=5))

    def numbers() -> Any:
        yield Order()

    for order in numbers():
        look(order)
    assert any("local order" in text for text in found)
    assert not any("held in C" in text for text in found) or not IN_C
    assert isinstance(app, types.ModuleType)


@pytest.mark.skipif(not IN_C and sys.version_info >= (3, 13), reason="only C code can read which dict shares them")
def test_a_dict_that_shares_the_values_of_its_instance_is_the_instance_s(app: Any, known: Callable[[], Any]) -> None:
    before = known()
    app.orders = [Order() for _ in range(20)]
    for order in app.orders:
        order.parts = [1]
        vars(order)["paid"] = False  # makes the dict, which the instance does not show from 3.13 on
    held = find_holdings(before)
    assert not [it for it in held if it.path.root.kind is RootKind.HELD_IN_C and it.targets >= 20]


def test_the_calls_of_one_function_in_many_threads_are_one_place(known: Callable[[], Any]) -> None:
    stop, begun = threading.Event(), threading.Barrier(31)

    def work() -> None:
        orders = [Order()]
        begun.wait()
        stop.wait()
        del orders

    before = known()
    threads = [threading.Thread(target=work) for _ in range(30)]
    try:
        for thread in threads:
            thread.start()
        begun.wait()
        held = [it for it in find_holdings(before) if it.path.root.name.endswith("work")]
        assert max(it.targets for it in held) >= 30
        assert [it.path.lines[1] for it in held if it.targets >= 30 and "orders" in it.path.lines[1]]
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_objects_that_each_bring_a_class_of_their_own_are_told_as_one(app: Any, known: Callable[[], Any]) -> None:
    app.recent, app.kept = deque(), {}
    before = known()
    for number in range(300):
        row = namedtuple("Row", "id name")  # type: ignore[misc]
        app.recent.append(row(number, str(number)))
        app.kept[number] = type("Order", (Order,), {})()
    found = {holding.path.text.partition(":")[0]: holding for holding in find_holdings(before)[:2]}
    assert {it.targets for it in found.values()} == {300}
    assert found["module app > recent"].frontier_type == f"{__name__}.Row"
    assert found["module app > kept"].type_counts[f"{__name__}.Order"] >= 300
