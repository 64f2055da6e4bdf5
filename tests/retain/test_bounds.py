"""Which containers are bounded: as their own fields say, if code of theirs looks at them."""

from __future__ import annotations

import asyncio
import functools
import logging.handlers
import queue
import re
import sys
import time
import weakref
from collections import OrderedDict, UserDict, deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sortedcontainers import SortedList

from memwatch.retain import Holding
from memwatch.retain.bounds import Bound, bound_in_c, bound_of, is_weak, seconds_kept
from memwatch.retain.holdings import _joined

from ..paths import KEPT as PATH


class Capped(UserDict[int, int]):
    """A container, which looks at its limit in a method of a base."""

    def __init__(self) -> None:
        super().__init__()
        self.max_size = 9

    def __setitem__(self, key: int, value: int) -> None:
        if len(self.data) >= self.max_size:
            raise KeyError(key)
        self.data[key] = value


class Heir(Capped):
    """Has its limit from above."""


class Slack:
    """May grow above its capacity by a share of it, as SQLAlchemy's cache does."""

    def __init__(self) -> None:
        self.capacity, self.threshold = 10, 0.5
        self.rows: list[int] = []

    def __len__(self) -> int:
        return len(self.rows)

    def trim(self) -> None:
        while len(self.rows) > self.capacity + self.capacity * self.threshold:
            self.rows.pop()


class Cache:
    """Named and filled as cachetools' one: what it counts may be bytes."""

    def __init__(self) -> None:
        self.__data: dict[int, int] = {1: 1}
        self.__currsize, self.__maxsize = 700, 1000.0

    @property
    def stored(self) -> dict[int, int]:
        return self.__data


class Pool:
    """A number that only its constructor and its text see, beside a list that nothing bounds."""

    def __init__(self) -> None:
        self.capacity = 10
        self.log: list[int] = [1]
        self.inner = Inner()

    def __str__(self) -> str:
        return "full" if self.capacity < 3 else "free"

    def room(self) -> bool:
        return self.capacity > 3


class Weighed:
    """A limit with a usual name, of bytes."""

    def __init__(self) -> None:
        self.capacity, self.used = 1_000_000, 0
        self.pages: OrderedDict[int, bytes] = OrderedDict()

    def put(self, page: bytes) -> None:
        self.pages[len(self.pages)] = page
        self.used += len(page)
        while self.used > self.capacity:
            self.used -= len(self.pages.popitem(last=False)[1])


class Inner:
    """Is held by one that has a limit."""

    def __init__(self) -> None:
        self.rows: list[int] = [1]


@functools.lru_cache(50)
def price(number: int) -> int:
    return number


def of(owner: Any, held: Callable[[Any], Any]) -> Bound | None:
    return bound_of([owner, held(owner)], held(owner))


@pytest.mark.parametrize(
    ("owner", "held", "bound"),
    [
        (queue.Queue(7), lambda it: it.queue, Bound(7, 0)),
        (queue.PriorityQueue(7), lambda it: it.queue, Bound(7, 0)),
        (asyncio.Queue(7), lambda it: it._queue, Bound(7, 0)),
        (logging.handlers.MemoryHandler(7), lambda it: it.buffer, Bound(7, 0)),
        (Capped(), lambda it: it.data, Bound(9, 0)),
        (Heir(), lambda it: it.data, Bound(9, 0)),
        (Slack(), lambda it: it.rows, Bound(15, 0)),
        (Cache(), lambda it: it.stored, Bound(1000, 700)),
        (queue.Queue(), lambda it: it.queue, None),
        (queue.Queue(-1), lambda it: it.queue, None),
        (Pool(), lambda it: it.log, None),
        (Pool(), lambda it: it.inner, None),
    ],
)  # fmt: skip
def test_a_container_of_an_object(owner: Any, held: Callable[[Any], Any], bound: Bound | None) -> None:
    assert of(owner, held) == bound


def test_a_limit_of_bytes() -> None:
    cache = Weighed()
    for _ in range(20):
        cache.put(bytes(10_000))
    assert bound_of([cache, cache.pages], cache.pages, item_bytes=10_033) == Bound(1_000_000, 200_000)


def test_what_bounds_itself() -> None:
    ring: deque[int] = deque((1, 2), maxlen=5)
    price(1)
    assert bound_of([ring], ring) == Bound(5, 2) and bound_of([price], price) == Bound(50, price.cache_info().currsize)
    assert bound_of([deque()], deque()) is None and bound_of([OrderedDict()], OrderedDict()) is None


def test_a_cache_of_the_standard_library() -> None:
    re.compile("a new one")
    cache: dict[Any, Any] = re._cache  # type: ignore[attr-defined]
    assert bound_of([re, cache], cache) == Bound(512, len(cache)) and bound_of([re, {}], {}) is None


def test_the_limit_of_an_object_further_up_is_none() -> None:
    pool = Capped()
    pool.inner = Inner()  # type: ignore[attr-defined]
    rows = pool.inner.rows  # type: ignore[attr-defined]
    assert bound_of([pool, pool.__dict__, pool.inner, rows], rows) is None  # type: ignore[attr-defined]


def test_weak_containers() -> None:
    class Known(weakref.WeakValueDictionary[int, Inner]):
        pass

    for made in (weakref.WeakKeyDictionary(), weakref.WeakSet(), Known()):  # type: ignore[var-annotated]
        assert is_weak([made, made.data], made.data)  # type: ignore[union-attr]
    assert not is_weak([pool := Pool(), pool.log], pool.log)


MOST = 40
RECENT: OrderedDict[int, int] = OrderedDict(((1, 1), (2, 2)))
LOG: list[int] = [1, 2, 3]


class Answers(OrderedDict[int, int]):
    """Has a name of its own for its bound."""

    most_answers = 60

    def keep(self, key: int, value: int) -> None:
        self[key] = value
        while len(self) > self.most_answers:
            self.popitem(last=False)


class Desk:
    """Keeps one of its two lists below a number of its module."""

    def __init__(self) -> None:
        self.done: list[int] = [1]
        self.failed: list[int] = [1]

    def finish(self, number: int) -> None:
        self.done.append(number)
        if len(self.done) > MOST:
            del self.done[:10]

    def fail(self, number: int) -> None:
        self.failed.append(number)
        assert len(self.failed) < 1000


def remember(key: int) -> None:
    RECENT[key] = key
    if len(RECENT) > MOST:
        RECENT.popitem(last=False)


def note(number: int) -> None:
    LOG.append(number)
    if len(LOG) == MOST:
        remember(number)


def test_code_that_compares_the_length_and_takes_something_out_keeps_a_bound() -> None:
    answers, desk, here = Answers(), Desk(), sys.modules[__name__]
    assert bound_of([answers], answers) == Bound(60, 0)
    assert of(desk, lambda it: it.done) == Bound(MOST, 1)
    assert bound_of([here, vars(here), RECENT], RECENT) == Bound(MOST, 2)


def test_code_that_compares_the_length_alone_keeps_none() -> None:
    here = sys.modules[__name__]
    assert of(Desk(), lambda it: it.failed) is None
    assert bound_of([here, vars(here), LOG], LOG) is None


def test_what_has_passed_the_number_is_not_bounded_by_it() -> None:
    desk = Desk()
    desk.done += [0] * MOST
    assert of(desk, lambda it: it.done) == Bound(MOST, MOST + 1)
    desk.done.append(1)
    assert of(desk, lambda it: it.done) is None


KEPT: list[int] = [1, 2, 3]


def cut(given: list[int]) -> None:
    del given[:10]


def keep(number: int) -> None:
    KEPT.append(number)
    if len(KEPT) > MOST:
        cut(KEPT)


def test_a_function_that_takes_items_out_of_what_it_is_given() -> None:
    here = sys.modules[__name__]
    assert bound_of([here, vars(here), KEPT], KEPT) == Bound(MOST, 3)


def test_a_limit_that_is_a_field_in_c_is_read() -> None:
    """As extensions have it; the standard library's own is read before."""
    class_of_c: Any = type("Ring", (deque,), {"maxsize": vars(deque)["maxlen"]})
    assert bound_in_c(class_of_c([1, 2], 9)) == Bound(9, 2)
    assert bound_in_c(class_of_c([1, 2])) is None
    assert bound_in_c(Capped()) is None


def test_a_number_beside_a_list_is_no_field_in_c() -> None:
    class Sized(list[int]):
        __slots__ = ("maxsize",)

    sized = Sized()
    sized.maxsize = 9
    assert bound_in_c(sized) is None


def test_the_age_of_items_in_a_cache_of_cachetools() -> None:
    cachetools = pytest.importorskip("cachetools")
    cache = cachetools.TTLCache(10**7, ttl=90)
    cache[1] = [1]
    items = cache._Cache__data
    assert seconds_kept([cache, vars(cache), items], items) == 90.0
    bound = bound_of([cache, vars(cache), items], items)
    assert bound is not None and bound.is_far


class Board:
    """Keeps a sorted list short, which has its items in a list of lists."""

    most = 50

    def __init__(self) -> None:
        self.best = SortedList(range(30))

    def add(self, score: int) -> None:
        self.best.add(score)
        if len(self.best) > self.most:
            self.best.pop()


def test_a_container_whose_user_looks_at_its_length() -> None:
    board = Board()
    lists = vars(board.best)["_lists"]
    chain = [board, vars(board), board.best, vars(board.best), lists, lists[0]]
    assert bound_of(chain, lists[0]) == Bound(50, 30)
    unbounded = SimpleNamespace(best=board.best)
    assert bound_of([unbounded, vars(unbounded), *chain[2:]], lists[0]) is None


class Report:
    """Is emptied at its time, which is moved on each time; the number of seconds stands there alone."""

    def __init__(self, rows: list[int]) -> None:
        self.rows, self.due = rows, {"next": time.monotonic() + 40.0}

    def add(self, row: int) -> None:
        self.rows.append(row)
        if time.monotonic() > self.due["next"]:
            self.due["next"] += 40
            self.write()

    def write(self) -> None:
        self.rows.clear()


def test_how_often_a_container_is_emptied_by_how_its_next_time_is_set() -> None:
    report = Report([1, 2, 3])
    assert seconds_kept([report, vars(report), report.rows], report.rows) == 40.0


SESSIONS = object()


def drop_idle(app: Any) -> None:
    for key, session in list(app.state[SESSIONS].items()):
        if time.monotonic() - session["seen"] > 75:
            del app.state[SESSIONS][key]


def test_a_container_that_a_registry_has_under_a_key_of_the_programs() -> None:
    sessions = {number: {"seen": time.monotonic()} for number in range(20)}
    app = SimpleNamespace(state={SESSIONS: sessions, 1: dict(sessions)})
    assert seconds_kept([app, vars(app), app.state, sessions], sessions) == 75.0
    assert seconds_kept([app, vars(app), app.state, app.state[1]], app.state[1]) is None


@pytest.mark.parametrize(("below", "bounded"), [(700, 13_000), (900, 10_000)], ids=["one each", "more"])
def test_members_of_what_lies_where_older_items_lay_are_within_their_bound(below: int, bounded: int) -> None:
    """2,200 of 3,000 items of a full queue were met as new; of the others only what has come with them."""
    items = Holding(PATH, 2200, 10_000, 2200, {}, "app.Record", "collections.deque", 3000, 1, 3000, 3000, 10_000)
    members = Holding(PATH, below, 3000, below, {}, "str", "dict", 3, 2, None)
    found = _joined(items, members, as_targets=False)
    assert (found.retained_bytes, found.bounded_bytes) == (13_000, bounded)
