"""check(): what grows in every round is a leak, and everything else ends the check early."""

from __future__ import annotations

import asyncio
import collections
import ctypes
import functools
import gc
import itertools
import pickle
import sys
import weakref
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import memwatch
from memwatch.backend.meters.meters import Meters

KEPT: list[Any] = []
NUMBERS = itertools.count(1000)
NATIVE_IS_READABLE = "native" in Meters().names


class Order:
    """What leaks."""

    def __init__(self) -> None:
        self.rows = [object()]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        raise RuntimeError


class Calls:
    """Counts how often it is called."""

    def __init__(self, function: Callable[[], object] = int) -> None:
        self.number = 0
        self.function = function

    def __call__(self) -> None:
        self.number += 1
        self.function()


@pytest.fixture(autouse=True)
def _emptied() -> Iterator[None]:
    yield
    KEPT.clear()
    gc.collect()


def leak() -> None:
    KEPT.append(Order())


def found(fn: Callable[[], object], max_rounds: int = 3, **options: Any) -> memwatch.CheckResult:
    """What a check says that must fail."""
    with pytest.raises(memwatch.LeakFound) as caught:
        memwatch.check(fn, max_rounds=max_rounds, **options)
    result = caught.value.result
    assert str(caught.value) == str(result)
    assert result.leaks and result.to_dict()["leaks"]
    return result


def test_a_leak_is_told_by_type_and_path_round_by_round() -> None:
    result = found(leak, max_rounds=5)
    rows = {row.what: row.counts for row in result.rows}
    assert result.calls == (2, 4, 8, 16) and result.rounds == 5
    assert result.rows[0].what == f"{__name__}.Order"
    assert rows[f"{__name__}.Order"] == rows["object"] == rows["list"] == (2, 4, 8, 16)
    assert result.holdings[0].path.text == f"module {__name__} > KEPT: list, 32 items > [index]"
    assert result.native == ()


def test_a_failure_is_an_assertion_and_survives_pickling() -> None:
    with pytest.raises(AssertionError) as caught:
        memwatch.check(leak, max_rounds=2)
    again = pickle.loads(pickle.dumps(memwatch.LeakFound(str(caught.value))))
    assert str(again) == str(caught.value)


def test_healthy_code_costs_two_rounds() -> None:
    memwatch.check(list)
    for _ in range(3):  # what other threads of the process do may cost a round
        calls = Calls()
        result = memwatch.check(calls)
        if result.rounds == 2:
            break
    assert (result.rounds, calls.number, result.leaks) == (2, 4, False)
    assert str(result) == "no leak: nothing grew without a bound in each of 2 rounds"


def test_loops_and_rounds_are_what_is_asked_for() -> None:
    calls = Calls(leak)
    assert found(calls, loops=3, max_rounds=4).calls == (3, 6, 12)
    assert calls.number == 3 + 3 + 6 + 12


def test_warm_up_is_not_counted() -> None:
    seen: dict[int, Order] = {}
    assert memwatch.check(lambda: seen.setdefault(len(seen) % 2, Order())).rounds == 2


def test_growth_that_ends_is_no_leak() -> None:
    seen: dict[int, Order] = {}
    numbers = itertools.count()
    result = memwatch.check(lambda: seen.setdefault(next(numbers) % 6, Order()))
    assert not result.leaks and 2 < result.rounds < 5


def test_garbage_is_no_leak() -> None:
    def make_cycle() -> None:
        order = Order()
        order.rows.append(order)

    result = memwatch.check(make_cycle)
    assert not result.leaks and result.rounds < 4  # what else the process does may cost one round


@pytest.mark.parametrize("kind", ["lru_cache", "deque", "weak", "ignored"])
def test_what_is_bounded_weak_or_ignored_passes(kind: str) -> None:
    cache = functools.lru_cache(maxsize=500)(lambda number: [number])
    bounded: collections.deque[Order] = collections.deque(maxlen=500)
    weak: weakref.WeakValueDictionary[int, Order] = weakref.WeakValueDictionary()
    functions: dict[str, Callable[[], object]] = {
        "lru_cache": lambda: cache(next(NUMBERS)),
        "deque": lambda: bounded.append(Order()),
        "weak": lambda: weak.update({next(NUMBERS): Order()}),
        "ignored": leak,
    }
    assert not memwatch.check(functions[kind], max_rounds=3, ignore=[KEPT]).leaks


def test_a_leak_beside_a_bounded_cache_is_found() -> None:
    bounded: collections.deque[Order] = collections.deque(maxlen=500)

    def both() -> None:
        bounded.extend([Order(), Order(), Order()])
        leak()

    holdings = found(both).holdings
    assert ["KEPT" in holding.path.text for holding in holdings] == [True]


def test_code_that_a_full_cache_replaces_is_no_growth() -> None:
    cache: collections.deque[object] = collections.deque(maxlen=64)
    numbers = itertools.count()

    def template() -> None:
        names: dict[str, object] = {}
        exec(f"def render(to): to(f'mail {next(numbers)}', a=1, b=('x', {next(numbers)}))", names)
        cache.append(names["render"])

    for _ in range(64):
        template()
    assert not memwatch.check(template, loops=2).leaks


class Page:
    def __init__(self) -> None:
        self.orders = [Order() for _ in range(5)]


@pytest.mark.skipif(memwatch.backend.name == "pure", reason="without births what lies where another lay passes for old")
@pytest.mark.parametrize("size", [19, 24, 29])
@pytest.mark.parametrize("kind", ["lru_cache", "tuple keys"])
def test_a_cache_that_becomes_full_within_the_check_passes(kind: str, size: int) -> None:
    numbers = itertools.count()
    cached = functools.lru_cache(maxsize=size)(lambda number: Page())
    pages: collections.OrderedDict[tuple[str, str], Page] = collections.OrderedDict()

    def by_hand() -> None:
        pages["page", f"number {next(numbers)}"] = Page()
        if len(pages) > size:
            pages.popitem(last=False)

    assert not memwatch.check(by_hand if kind == "tuple keys" else lambda: cached(next(numbers))).leaks


def test_what_only_the_function_itself_keeps_is_found() -> None:
    def make() -> Callable[[], None]:
        kept: list[Order] = []
        return lambda: kept.append(Order())

    assert "local fn" in found(make()).holdings[0].path.text


class TestInPlace:
    """Growth without new objects."""

    text = ""

    def test_a_buffer(self) -> None:
        buffer = bytearray(4096)
        (row,) = found(lambda: buffer.extend(bytes(4096))).rows
        assert row.what == "bytearray" and row.in_place
        assert min(row.size_bytes) >= 2 * 4096

    def test_a_text(self) -> None:
        def grow() -> None:
            TestInPlace.text += "x" * 20_000  # large: its size is noted, wherever a shorter text lay before

        result = found(grow)
        assert result.rows[0].what == "str"
        assert result.holdings[0].path.text.endswith(".text: str")

    def test_a_list_of_what_was_there(self) -> None:
        result = found(lambda: KEPT.extend([None] * 200))
        assert [row.what for row in result.rows] == ["list"]
        assert "KEPT: list" in result.holdings[0].path.text


@pytest.mark.parametrize("many", [5, 20])
@pytest.mark.parametrize("kind", ["set", "dict", "subclass"])
def test_room_that_a_container_keeps_is_no_growth(kind: str, many: int) -> None:
    """As in the set of a loop's tasks: what comes and goes leaves a larger table behind, now and then."""
    numbers: set[int] = set() if kind == "set" else type("Tasks", (set,), {})()
    names: dict[int, int] = {}
    calls = itertools.count(1)

    def come_and_go() -> None:
        for number in range(many << next(calls)):
            if kind == "dict":
                names[number] = number
            numbers.add(number)
        for number in list(numbers):
            names.pop(number, None)
            numbers.discard(number)

    assert not memwatch.check(come_and_go, max_rounds=3).leaks


def test_a_list_that_keeps_what_was_there_is_told_beside_room_that_is_left() -> None:
    room: dict[int, int] = {}
    calls = itertools.count(1)

    def keep() -> None:
        for number in range(20 << next(calls)):
            room[number] = number
        for number in list(room):
            del room[number]
        KEPT.extend([None] * 200)

    assert [row.what for row in found(keep).rows] == ["list"]


def test_coroutines_run_in_a_loop_of_the_check_s_own() -> None:
    async def keep() -> None:
        await asyncio.sleep(0)
        leak()

    async def wait() -> None:
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(3)))

    assert "KEPT" in str(found(keep))
    assert not memwatch.check(wait).leaks
    assert not memwatch.check(lambda: wait()).leaks


def test_tasks_that_are_left_in_the_loop_are_a_leak() -> None:
    tasks: set[asyncio.Task[None]] = set()

    async def forget() -> None:
        tasks.add(asyncio.create_task(asyncio.sleep(1000)))

    assert "_asyncio.Task" in [row.what for row in found(forget).rows]


def test_a_coroutine_cannot_be_checked_inside_a_running_loop() -> None:
    async def inner() -> None:
        pass

    async def outer() -> None:
        memwatch.check(inner)

    with pytest.raises(memwatch.UnsupportedError, match="plain def"):
        asyncio.run(outer())


@pytest.mark.skipif(not NATIVE_IS_READABLE, reason="this platform does not say what malloc holds")
def test_native_memory_that_grows_in_every_round_is_a_leak() -> None:
    malloc, free = (getattr(ctypes.CDLL(None), name) for name in ("malloc", "free"))
    malloc.restype, malloc.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
    blocks = array("Q")
    try:
        result = found(lambda: blocks.append(malloc(1 << 20)), max_rounds=5)
    finally:
        for block in blocks:
            free(block)
    assert all(size >= 800_000 * calls for size, calls in zip(result.native, result.calls, strict=True))
    assert "native memory grows in each of 4 rounds" in str(result)
    assert not memwatch.check(lambda: free(malloc(8000))).leaks


def test_what_the_function_raises_passes() -> None:
    def fail() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        memwatch.check(fail)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "fn must be a function without arguments, not a NoneType"),
        ((int, 0), "loops must be a whole number, 1 or more"),
        ((int, 1.5), "loops must be a whole number, 1 or more"),
        ((int, 2, 1), "max_rounds must be a whole number, 2 or more"),
    ],
)
def test_options_out_of_range_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(memwatch.OptionError, match=message):
        memwatch.check(*arguments)


def test_nothing_is_held_afterwards() -> None:
    order = Order()
    before = sys.getrefcount(order)
    with pytest.raises(memwatch.LeakFound):
        memwatch.check(lambda: KEPT.append([order]), max_rounds=2)
    KEPT.clear()
    gc.collect()
    assert sys.getrefcount(order) == before
