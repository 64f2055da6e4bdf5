"""`memwatch.retaining_paths`: several ways to one object or to the objects of a type, the surest first."""

from __future__ import annotations

import contextvars
import gc
import sys
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import memwatch
from memwatch.retain import retaining_paths

Walker = Callable[[Any], list[Any]]
HERE = f"{__name__}."


class Order:
    """What is held."""


class Box:
    """Holds something."""

    def __init__(self, held: Any) -> None:
        self.held = held


class Hostile:
    """Raises or lies wherever the program's own code would run."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise RuntimeError

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError

    __eq__ = __hash__ = __repr__ = __str__ = __len__ = __bool__ = __iter__ = __sizeof__ = _refuse  # type: ignore


def texts(*arguments: Any, **options: Any) -> list[str]:
    return [path.text for path in retaining_paths(*arguments, **options)]


def test_every_holder_is_told_the_module_s_state_before_a_variable(app: Any, walk_again: Walker) -> None:
    order = Order()
    app.cache = {"last": order}
    app.kept = [None, order]
    app.Config = type("Config", (), {"__module__": "app", "order": order})
    found = retaining_paths(order, limit=10)
    assert [path.text for path in found] == [
        "module app > cache: dict, 1 item > ['last']",
        "module app > kept: list, 2 items > [index]",
        f"module app > Config: class app.Config > .order: {HERE}Order",
        f"main thread, function {HERE}test_every_holder_is_told_the_module_s_state_before_a_variable > local order: "
        f"{HERE}Order",
    ]
    for path in found:
        assert any(it is order for it in walk_again(path)), path


def test_a_holder_that_is_held_twice_makes_two_paths(app: Any, walk_again: Walker) -> None:
    app.one, app.other = Box([Order()]), {}
    app.other["box"] = app.one
    found = retaining_paths(app.one.held[0], limit=2)
    steps = [path.lines[1:-1] for path in found]
    assert steps[0] == (f".one: {HERE}Box", ".held: list, 1 item")
    assert steps[1] == (".other: dict, 1 item", f"['box']: {HERE}Box", ".held: list, 1 item")
    for path in found:
        assert any(it is app.one.held[0] for it in walk_again(path))


def test_no_more_than_asked_for_and_no_two_alike(app: Any) -> None:
    order = Order()
    app.kept = [[order] for _ in range(50)]
    app.more = {number: [order] for number in range(2000, 2050)}
    assert len(texts(order, limit=1)) == 1
    found = retaining_paths(order, limit=10)
    assert len({path.fingerprint for path in found}) == len(found) == 3


def test_a_way_that_comes_round_again_is_none(app: Any) -> None:
    order: Any = Order()
    order.box = Box(order)
    order.box.ring = [order]
    app.kept = [order]
    del order
    found = [path.text for path in retaining_paths(app.kept[0], limit=10)]
    assert found == ["module app > kept: list, 1 item > [index]"]


def test_a_type_is_told_by_most_of_its_objects(app: Any, walk_again: Walker) -> None:
    kind = type("Order", (), {"__module__": "app"})
    app.few, app.many = [kind()], {number: kind() for number in range(500)}
    app.deep = Box({"all": [kind() for _ in range(50)]})
    del kind
    found = retaining_paths(type="app.Order", limit=2)
    assert [path.text for path in found] == [
        "module app > many: dict, 500 items > [499]",
        f"module app > deep: {HERE}Box > .held: dict, 1 item > ['all']: list, 50 items > [index]",
    ]
    assert all(any(type(it).__name__ == "Order" for it in walk_again(path)) for path in found)


def test_a_type_without_objects_has_no_paths(app: Any) -> None:
    app.kind = type("Never", (), {"__module__": "app"})
    assert retaining_paths(type="app.Never") == ()


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, "either an object or"),
        ((1,), {"type": "int"}, "either an object or"),
        ((), {"type": "app.Nowhere"}, "no type is called 'app.Nowhere'"),
        ((), {"type": 7}, "the name of a type"),
        ((object,), {"limit": 0}, "from 1 to 100"),
        ((object,), {"limit": True}, "from 1 to 100"),
    ],
)
def test_bad_questions_are_refused(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(memwatch.OptionError, match=message):
        memwatch.retaining_paths(*arguments, **options)


def test_what_nothing_is_seen_to_hold_has_no_path() -> None:
    found = retaining_paths("".join(["no", "where"]))
    assert found == ()


def test_objects_that_raise_and_lie_are_never_asked(app: Any) -> None:
    hostile = Hostile()
    app.kept = [hostile]
    assert texts(hostile)[0] == "module app > kept: list, 1 item > [index]"
    assert texts(type=f"{HERE}Hostile", limit=1) == ["module app > kept: list, 1 item > [index]"]


@pytest.mark.parametrize("name", ["it's", 'say "no"', "nul\0nul", "half \udc80", "a: b", "['x']", "back\\slash"])
def test_names_of_any_kind_stay_on_their_line_and_in_the_picture(app: Any, name: str) -> None:
    held = Order()
    vars(app)[sys.intern(name) if name.isprintable() else name] = {sys.intern(name): held}
    path = retaining_paths(held)[0]
    assert path.text.isprintable() and path.text.startswith("module app > ")
    assert path.to_dot().encode("utf-8") and path.drawing.encode("utf-8")


def test_a_variable_of_another_thread(walk_again: Walker) -> None:
    ready, done = threading.Event(), threading.Event()
    held: list[Any] = []

    def work() -> None:
        order = Order()
        keep = lambda: order  # noqa: E731 (the variable lies in a cell)
        held.append(weakref.ref(order))
        ready.set()
        done.wait()
        keep()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    try:
        path = retaining_paths(held[0](), limit=1)[0]
        assert path.text.startswith(f"another thread, function {HERE}test_a_variable_of_another_thread")
        assert path.text.endswith(f"work > local order: {HERE}Order")
        assert any(it is held[0]() for it in walk_again(path))
    finally:
        done.set()
        thread.join()


def test_a_generator_s_variable_in_a_cell(app: Any, walk_again: Walker) -> None:
    def numbers() -> Any:
        order = Order()
        yield lambda: order

    app.numbers = numbers()
    order = next(app.numbers)()
    path = retaining_paths(order)[0]
    assert path.text.endswith(f"numbers > local order: {HERE}Order")
    assert any(it is order for it in walk_again(path))


def test_an_array_of_arrays(app: Any, walk_again: Walker) -> None:
    order = Order()
    grid = numpy.full((3, 4), None, dtype=object)
    grid[1, 2] = order
    app.view = grid.T[1:]
    del grid
    path = retaining_paths(order)[0]
    assert path.lines[:2] == ("module app", ".view: numpy.ndarray") and path.lines[-1] == "[item]"
    assert any(it is order for it in app.view.flat)


def test_a_cycle_that_nothing_holds() -> None:
    gc.disable()
    made: Any = type("Ring", (), {"__module__": "app"})()
    made.me = [made]
    gone = weakref.ref(made)
    del made
    found = texts(type="app.Ring")
    gc.enable()
    gc.collect()
    assert found == ["no Python reference (held in C, or a cycle) > app.Ring"]
    assert gone() is None


def test_frozen_objects_are_found(app: Any) -> None:
    app.kept = [Order()]
    gc.freeze()
    try:
        assert texts(app.kept[0])[0] == "module app > kept: list, 1 item > [index]"
    finally:
        gc.unfreeze()


def test_what_a_library_is_known_to_keep_comes_last(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    app.far = Box(Box([Order()]))
    order = app.far.held.held[0]
    monkeypatch.setattr(sys, "last_value", order, raising=False)
    found = retaining_paths(order, limit=10)
    assert [path.known is not None for path in found][-1] and found[-1].text == f"module sys > last_value: {HERE}Order"
    assert found[0].text.startswith("module app > far") and found[0].known is None


def test_nothing_is_kept_after(app: Any) -> None:
    app.kept = [Order()]
    gone = weakref.ref(app.kept[0])
    assert retaining_paths(app.kept[0]) and retaining_paths(type=f"{HERE}Order")
    app.kept.clear()
    assert gone() is None


def test_a_context_variable(app: Any) -> None:
    order = Order()
    variable: contextvars.ContextVar[Any] = contextvars.ContextVar("request")
    context = contextvars.copy_context()
    context.run(variable.set, order)
    app.context = context
    assert f"module app > context: _contextvars.Context > context variable request: {HERE}Order" in texts(order)


def test_the_suspect_part_begins_below_what_lives_on(app: Any) -> None:
    app.Config = type("Config", (), {"__module__": "app", "cache": {"a": Order()}})
    path = retaining_paths(app.Config.cache["a"])[0]
    assert path.lines[path.suspect].startswith(".cache")


def test_a_chain_of_links_that_is_very_long_is_told_in_part(app: Any) -> None:
    last = Order()
    link: Any = last
    for _ in range(3000):
        link = [link]
    app.chain = link
    del link
    path = retaining_paths(last, limit=1)[0]
    assert path.lines[1] == ".chain: list, 1 item" and len(path.lines) < 220
    assert any(step.endswith(" more]") for step in path.lines)
    unchain(app)


@pytest.mark.slow
def test_a_million_links(app: Any) -> None:
    last = Order()
    link: Any = last
    for _ in range(1_000_000):
        link = [link]
    app.chain = link
    del link
    assert retaining_paths(last, limit=2)[0].lines[1] == ".chain: list, 1 item"
    unchain(app)


@pytest.mark.slow
def test_a_million_objects_alike(app: Any) -> None:
    kind = type("Order", (), {"__module__": "app", "__slots__": ()})
    app.kept = [kind() for _ in range(1_000_000)]
    assert texts(type="app.Order") == ["module app > kept: list, 1000000 items > [index]"]


def unchain(app: types.ModuleType) -> None:
    """Take a long chain apart link by link, for the interpreter would do it by recursion."""
    link = app.chain
    del app.chain
    while type(link) is list:
        link = link.pop()
