"""Who holds what is new: one answer for each growing container, whatever else the heap is doing."""

from __future__ import annotations

import asyncio
import ctypes
import functools
import gc
import os
import sys
import threading
import types
import weakref
from array import array
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from memwatch import backend
from memwatch.backend.forks import on_fork
from memwatch.heap import take_snapshot
from memwatch.retain import Cancelled, Holding, find_holdings, find_path

Known = Callable[[], "array[int]"]
Walker = Callable[[Any], list[Any]]
HERE = f"{__name__}."


class Order:
    """What leaks."""

    def __init__(self) -> None:
        self.rows = [object()]


class Session:
    """Old, and holds what is new."""

    def __init__(self) -> None:
        self.log: list[Any] = []


class Ring:
    """Bounded by a length of its own."""

    def __init__(self) -> None:
        self.maxsize = 500
        self.items: list[Any] = []

    def push(self, item: Any) -> None:
        if len(self.items) < self.maxsize:
            self.items.append(item)


class Wish(Session):
    """Has a number that nothing looks at."""

    def __init__(self) -> None:
        super().__init__()
        self.maxsize = 500


class Evil:
    """Raises wherever it is touched."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError

    __eq__ = __repr__ = __len__ = __bool__ = __iter__ = __sizeof__ = __str__ = _refuse  # type: ignore[assignment]
    __hash__ = object.__hash__


class EvilMeta(type):
    """A class of such classes raises as well."""

    def __hash__(cls) -> int:
        raise RuntimeError

    def __eq__(cls, other: object) -> bool:
        raise RuntimeError

    @property
    def __mro__(cls) -> Any:
        raise RuntimeError


class Liar(metaclass=EvilMeta):
    __slots__ = ("held",)

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise RuntimeError

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError


def top(known: array[int], **options: Any) -> Holding:
    if gc.isenabled():
        gc.collect()  # what failed tests before left behind is no holding
    found = find_holdings(known, **options)
    assert found
    return found[0]


def test_a_list_that_grew(app: Any, known: Known, walk_again: Walker) -> None:
    app.kept = [Order() for _ in range(30)]
    before = known()
    app.kept.extend(Order() for _ in range(20))
    found = top(before)
    assert found.path.text == "module app > kept: list, 50 items > [index]"
    assert found.path.lines == ("module app", ".kept: list, 50 items", "[index]")
    assert any(it is app.kept[-1] for it in walk_again(found.path))
    assert found.targets == 20 and found.frontier_type == f"{HERE}Order"
    assert found.type_counts[f"{HERE}Order"] == 20 and found.type_counts["object"] == 20
    assert found.retained_items == sum(found.type_counts.values())
    assert found.retained_bytes > 20 * (sys.getsizeof(Order()) + sys.getsizeof([1]))
    assert (found.holder_type, found.holder_items, found.bound) == ("list", 50, None)
    assert found.holder_address == id(app.kept)


def test_a_hundred_thousand_alike_are_one_holding(app: Any, known: Known) -> None:
    app.kept = []
    before = known()
    app.kept.extend(str(number) * 2 for number in range(100_000))
    found = find_holdings(before)
    assert found[0].targets == found[0].type_counts["str"] == 100_000
    assert found[0].path.text == "module app > kept: list, 100000 items > [index]"
    assert sum(holding.retained_bytes for holding in found[1:]) < found[0].retained_bytes / 100


def test_where_tracked_objects_alone_are_known_others_are_new_only_in_what_grew(app: Any) -> None:
    app.table = {number: f"old {number}" for number in range(2000)}
    app.kept, app.orders = ["old"], [Order()]
    before = take_snapshot(deep=False).addresses
    app.kept.extend(f"new {number}" for number in range(100))
    app.orders[0].rows.append(Order())
    gc.collect()
    found = {holding.path.text: holding for holding in find_holdings(before, grown={id(app.kept)})}
    assert found["module app > kept: list, 101 items > [index]"].targets == 101
    (order,) = (holding for holding in found.values() if holding.frontier_type == f"{HERE}Order")
    assert order.path.text.startswith("module app > orders: list, 1 item")
    assert not any("app > table" in path for path in found)
    assert any("app > table" in holding.path.text for holding in find_holdings(before))


def test_members_of_a_collection_are_told_as_one(app: Any, known: Known, walk_again: Walker) -> None:
    app.sessions = {number: Session() for number in range(2000)}
    before = known()
    for session in app.sessions.values():
        session.log.append(Order())
    found = top(before)
    assert 1980 <= found.targets <= 2000  # some lie where an object was before
    assert found.path.lines[-2:] == (".log: list, 1 item", "[index]")
    assert any(type(it) is Order for it in walk_again(found.path))


def test_two_attributes_of_one_object_are_told_apart(app: Any, known: Known) -> None:
    app.one, app.other = Session(), Session()
    before = known()
    app.one.log.extend(Order() for _ in range(20))
    app.other.log.extend(Order() for _ in range(10))
    found = find_holdings(before)
    assert [holding.path.text.partition(":")[0] for holding in found[:2]] == ["module app > one", "module app > other"]
    assert [holding.targets for holding in found[:2]] == [20, 10]


def test_keys_and_values_of_one_dict_are_one_holding(app: Any, known: Known) -> None:
    app.cache = {}
    before = known()
    app.cache.update({(number, str(number)): Order() for number in range(50)})
    found = find_holdings(before)
    assert found[0].path.text == "module app > cache: dict, 50 items > [tuple key]"
    assert found[0].targets == 50 and found[0].type_counts["tuple"] == 50
    assert not any("cache" in holding.path.text for holding in found[1:])


@pytest.mark.parametrize("rows", [0, 100])
def test_keys_larger_than_their_values_count_once_too(app: Any, known: Known, rows: int) -> None:
    app.new = {}
    before = known()
    for _ in range(50):
        key, value = Session(), Order()
        key.log.extend(object() for _ in range(rows))
        app.new[key] = value
    found = top(before)
    assert found.targets == 50 and found.type_counts[f"{HERE}Session"] == found.type_counts[f"{HERE}Order"] == 50
    assert {found.frontier_type, *found.beside} == {f"{HERE}Session", f"{HERE}Order"}


def test_old_items_that_grow_are_told_apart_from_a_few_new_ones(app: Any, known: Known) -> None:
    app.sessions = {number: Session() for number in range(100)}
    before = known()
    app.sessions[100] = Session()
    for session in app.sessions.values():
        session.log.extend(Order() for _ in range(5))
    assert top(before).path.lines[-2:] == (".log: list, 5 items", "[index]")
    app.sessions.update({number: Session() for number in range(200, 5000)})
    found = top(before)
    assert found.path.text == "module app > sessions: dict, 4901 items > [int key]"
    assert found.targets > 4700 and found.type_counts[f"{HERE}Order"] == 505


def test_a_container_that_was_replaced_is_the_holder(app: Any, known: Known) -> None:
    app.receivers, before = [], known()
    app.receivers = [*app.receivers, *(Order() for _ in range(40))]
    before = array(before.typecode, set(before) - {id(app.receivers)})  # it may lie where one was that has gone
    found = top(before)
    assert found.path.text == "module app > receivers: list, 40 items"
    assert (found.holder_type, found.holder_items, found.targets) == ("list", 40, 1)


def test_the_shortest_path_wins_and_a_module_before_a_variable(app: Any, known: Known) -> None:
    kept: list[Any] = []
    app.service = types.SimpleNamespace(inner=types.SimpleNamespace(kept=kept))
    before = known()
    kept.extend(Order() for _ in range(20))
    assert "service" in top(before).path.text
    app.direct = kept
    assert top(before).path.text == "module app > direct: list, 20 items > [index]"


def test_a_variable_of_a_running_function(known: Known) -> None:
    kept: list[Any] = []
    before = known()
    kept.extend(Order() for _ in range(20))
    found = top(before)
    assert found.path.lines == (
        f"main thread, function {HERE}test_a_variable_of_a_running_function",
        "local kept: list, 20 items",
        "[index]",
    )


def test_a_variable_of_another_thread(known: Known) -> None:
    ready, go_on = threading.Event(), threading.Event()

    def work() -> None:
        backlog: list[Any] = []
        ready.set()
        go_on.wait()
        backlog.extend(Order() for _ in range(20))
        ready.set()
        done.wait()

    done = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    before = known()
    ready.clear()
    go_on.set()
    ready.wait()
    found = top(before)
    done.set()
    thread.join()
    assert found.path.lines[0] == f"another thread, function {HERE}test_a_variable_of_another_thread.<locals>.work"
    assert found.path.lines[1:] == ("local backlog: list, 20 items", "[index]")


def test_looking_at_variables_does_not_keep_them() -> None:
    held: Any = Order()
    gone = weakref.ref(held)
    assert find_path(held) is not None
    held = None
    assert gone() is None


def test_variables_that_the_program_asked_for_are_left_alone() -> None:
    order = Order()
    mine = locals()
    assert find_path(order) is not None
    assert sys.version_info >= (3, 13) or mine["order"] is order


def test_a_task_s_variable(app: Any, known: Known) -> None:
    async def consume() -> None:
        backlog: list[Any] = [Order() for _ in range(20)]
        await asyncio.sleep(3600)
        backlog.clear()

    async def main() -> Holding:
        app.task = asyncio.create_task(consume())
        before = known()
        await asyncio.sleep(0)
        found = top(before)
        app.task.cancel()
        return found

    text = asyncio.run(main()).path.text
    assert "local backlog: list, 20 items" in text and text.startswith("module app > task: _asyncio.Task > ._coro")


def test_fork_callbacks(known: Known) -> None:
    on_fork("meters")
    before = known()
    for _ in range(20):
        os.register_at_fork(after_in_child=functools.partial(len, [Order()]))
    found = top(before)
    assert found.path.lines[0] == "interpreter, fork callbacks (os.register_at_fork, after_in_child)"
    assert found.targets == 20 and found.frontier_type == "functools.partial"


def test_a_reference_that_was_lost_in_c(known: Known) -> None:
    before = known()
    for _ in range(20):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(["lost", (Order(), 1)]))
    found = top(before)
    assert found.path.lines == ("no Python reference (held in C)", "list, 2 items")
    assert found.targets == found.type_counts[f"{HERE}Order"] == 20
    for lost in [it for it in gc.get_objects() if type(it) is list and len(it) == 2 and it[0] == "lost"]:
        ctypes.pythonapi.Py_DecRef(ctypes.py_object(lost))


def test_cycles_that_nothing_holds(known: Known) -> None:
    gc.disable()
    before = known()
    for _ in range(20):
        order: Any = Order()
        order.rows.append({"order": order})
    del order
    found = top(before)
    gc.enable()
    gc.collect()
    assert found.path.lines == ("no Python reference (held in C, or a cycle)", f"{HERE}Order")
    assert found.targets == 20


@pytest.mark.parametrize("maxsize", [None, 64])
def test_function_caches(app: Any, known: Known, maxsize: int | None) -> None:
    @functools.lru_cache(maxsize)
    def price(number: int) -> Order:
        return Order()

    app.price = price
    before = known()
    for number in range(50):
        price(number)
    found = top(before)
    assert found.path.lines[1].startswith(f".price: functools.lru_cache wrapper of {HERE}test_function_caches")
    assert (found.holder_type, found.holder_items) == ("functools._lru_cache_wrapper", 50)
    assert found.bound == maxsize


@pytest.mark.parametrize(
    ("made", "grow", "bound"),
    [
        (lambda: deque(maxlen=100), lambda it: it.append(Order()), 100),
        (lambda: deque(), lambda it: it.append(Order()), None),
        (Ring, lambda it: it.push(Order()), 500),
        (Wish, lambda it: it.log.append(Order()), None),
        (Session, lambda it: it.log.append(Order()), None),
    ],
)
def test_bounds_are_told(app: Any, known: Known, made: Any, grow: Any, bound: int | None) -> None:
    app.kept = made()
    before = known()
    for _ in range(20):
        grow(app.kept)
    assert top(before).bound == bound


def test_objects_that_raise_and_lie_are_never_asked(app: Any, known: Known) -> None:
    liar = Liar()
    Liar.held.__set__(liar, [])  # type: ignore[attr-defined]
    app.evil = {Evil(): liar}
    before = known()
    Liar.held.__get__(liar).extend(make() for _ in range(20) for make in (Evil, Liar, Order))  # type: ignore[attr-defined]
    found = top(before)
    assert (
        found.path.text
        == f"module app > evil: dict, 1 item > [{HERE}Evil key]: {HERE}Liar > .held: list, 60 items > [index]"
    )
    # the pure backend takes an object for an old one if it has the address of one that has gone since
    assert found.type_counts[f"{HERE}Evil"] in (range(15, 21) if backend.name == "pure" else (20,))


def test_the_heap_may_change_meanwhile(app: Any, known: Known) -> None:
    app.kept, app.busy = [], {}
    stop = threading.Event()

    def churn() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            app.busy[number] = [Order()]
            app.busy.pop(number - 50, None)

    thread = threading.Thread(target=churn)
    thread.start()
    before = known()
    app.kept.extend(Order() for _ in range(2000))
    try:
        for _ in range(5):
            assert top(before).path.text == "module app > kept: list, 2000 items > [index]"
    finally:
        stop.set()
        thread.join()


def test_it_gives_up_when_told_and_keeps_nothing(app: Any, known: Known) -> None:
    order = Order()
    app.kept = [order]
    gone, answers = weakref.ref(order), iter([False] + [True] * 100)
    with pytest.raises(Cancelled, match="gave up") as told:
        find_holdings(known(), should_cancel=lambda: next(answers))
    with pytest.raises(Cancelled):
        find_path(object(), should_cancel=lambda: True)
    del order
    app.kept.clear()
    assert gone() is None and told.value.__context__ is None


def test_nothing_is_kept_after(app: Any, known: Known) -> None:
    before = known()
    app.kept = [Order() for _ in range(20)]
    gone = [weakref.ref(order) for order in app.kept]
    found = find_holdings(before)
    assert found
    app.kept.clear()
    assert not any(ref() for ref in gone)


def test_what_is_to_be_ignored_is_not_told(known: Known, app: Any) -> None:
    before = known()
    mine = [Order() for _ in range(20)]
    assert not any("mine" in holding.path.text for holding in find_holdings(before, ignore=[mine]))
    assert any("mine" in holding.path.text for holding in find_holdings(before))


def test_a_level_heap_has_next_to_no_holdings(known: Known) -> None:
    find_holdings(known())
    before = known()
    assert sum(holding.retained_bytes for holding in find_holdings(before)) < 4096


def test_asyncio_s_freed_objects_stay_freed(known: Known) -> None:
    async def steps() -> None:
        await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(5)))

    for _ in range(3):
        asyncio.run(steps())
        find_holdings(array("Q"))
    asyncio.run(steps())


def test_code_that_was_there_before_is_not_new(app: Any, known: Known) -> None:
    scope: dict[str, Any] = {}
    exec("def f():\n    return ('one constant', ('nested', 'constants'), lambda: 'inner')", scope)
    app.f = scope["f"]
    assert not any("app" in holding.path.text for holding in find_holdings(known()))


def test_an_array_counts_what_its_view_pins(app: Any, known: Known) -> None:
    numpy = pytest.importorskip("numpy")
    app.crops = []
    before = known()
    app.crops.extend(numpy.zeros(8192)[:4] for _ in range(20))
    assert top(before).retained_bytes > 20 * 8192 * 8


def test_an_object_that_nothing_holds_has_no_path() -> None:
    assert find_path(id) is not None
    held = Order()
    path = find_path(held)
    assert path is not None and path.lines[-1] == f"local held: {HERE}Order"
    nowhere = find_path(str(held) * 2)
    assert nowhere is None


def test_the_fingerprint_is_of_names_and_types_alone(app: Any, known: Known) -> None:
    app.cache = {}
    before = known()
    app.cache[f"user {id(app)}"] = [Order() for _ in range(50)]
    one = top(before).path
    app.cache.clear()
    app.cache.update({7: None, f"other {id(before)}": [Order() for _ in range(60)]})
    other = top(before).path
    assert one.lines != other.lines and one.fingerprint == other.fingerprint
    app.cache = [[Order() for _ in range(50)]]
    assert top(before).path.fingerprint != one.fingerprint


def test_values_have_dicts(app: Any, known: Known) -> None:
    before = known()
    app.kept = [Order() for _ in range(20)]
    found = top(before).to_dict()
    assert found["path"] == {
        "steps": ["module app", ".kept: list, 20 items"],
        "fingerprint": found["path"]["fingerprint"],
        "suspect": 1,
        "known": None,
    }
    assert len(found["path"]["fingerprint"]) == 16 and "holder_address" not in found
