"""What counts, up to a number: pools that make no more than they may, and what is emptied after so many calls."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from memwatch.backend.census.referents import referents_of
from memwatch.retain.bounds import Bound, bound_of


class Pool:
    """Makes what it has not, up to its limit."""

    def __init__(self, limit: int, idle: Any) -> None:
        self.limit, self.made, self.idle = limit, 0, idle

    def take(self) -> object:
        if self.made < self.limit:
            self.made += 1
            return object()
        return self.idle.get()


class Split(Pool):
    """Counts in a method of its own, which the one calls that looks among the idle ones."""

    def take(self) -> object:
        return self.idle.pop() if self.idle else self._make()

    def _make(self) -> object:
        if self.made >= self.limit:
            raise OverflowError
        self.made += 1
        return object()


class Counting:
    """Counts, and compares what it counts with a number that it moves on as well."""

    def __init__(self) -> None:
        self.made, self.next, self.idle = 0, 100, [1]

    def take(self) -> object:
        if self.made >= self.next:
            self.next += 100
        self.made += 1
        return self.idle[-1]


class Columns:
    """Compares what it will have with the most that it may have, in a variable."""

    def __init__(self, most: int) -> None:
        self.most, self.used, self.data = most, 0, bytearray(64)

    def append(self, rows: bytes) -> None:
        need = self.used + len(rows)
        if need > self.most:
            raise OverflowError
        if need > len(self.data):
            self.data = bytearray(2 * need)
        self.used = need


class InUse:
    """Has what is in use in a container of its own, whose length it compares."""

    def __init__(self, size: int) -> None:
        self.size, self.out, self.taken = size, set[object](), 0
        self.idle: list[object] = []
        self.log: list[str] = ["begun"]

    def take(self) -> object:
        if not self.idle and len(self.out) >= self.size:
            raise OverflowError
        self.log.append("taken")
        item = self.idle.pop() if self.idle else object()
        self.out.add(item)
        return item

    def give(self, item: object) -> None:
        self.out.discard(item)
        self.idle.append(item)


class Log(Pool):
    """What it writes down beside is not what it makes."""

    def __init__(self) -> None:
        super().__init__(9, [])
        self.lines: list[str] = ["taken"]

    def note(self) -> None:
        self.lines.append("taken")


class Holding:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool


def taken(pool: Any, times: int) -> Any:
    for _ in range(times):
        pool.take()
    return pool


@pytest.mark.parametrize("pool", [Pool(9, [1, 2]), Split(9, [])])
def test_what_is_idle_in_a_pool_is_no_more_than_it_has_made(pool: Any) -> None:
    taken(pool, 3)
    assert bound_of([pool, pool.idle], pool.idle) == Bound(9, 3)


def test_what_is_idle_beside_what_is_in_use() -> None:
    pool = InUse(9)
    first, *others = [pool.take() for _ in range(4)]
    for item in others:
        pool.give(item)
    assert bound_of([pool, pool.idle], pool.idle) == Bound(9, 4)
    assert bound_of([pool, pool.log], pool.log) is None
    pool.idle += [first] * 9
    assert bound_of([pool, pool.idle], pool.idle) is None


def test_the_sum_that_is_compared_may_be_a_variable() -> None:
    columns = Columns(900)
    columns.append(bytes(100))
    assert bound_of([columns, columns.data], columns.data) == Bound(900, 100)


def test_what_is_idle_in_a_queue_of_a_pool() -> None:
    idle: queue.LifoQueue[object] = queue.LifoQueue()
    pool = taken(Pool(600, idle), 40)
    for number in range(30):
        idle.put(number)
    held = [Holding(pool), pool, idle, idle.queue]
    assert bound_of(held, idle.queue) == Bound(600, 40)
    assert bound_of([pool, vars(pool), idle, vars(idle), idle.queue], idle.queue) == Bound(600, 40)


def test_a_pool_that_has_made_more_than_its_limit_has_none() -> None:
    pool = taken(Pool(9, [1]), 9)
    pool.made += 1
    assert bound_of([pool, pool.idle], pool.idle) is None


def test_more_idle_than_were_made_is_not_what_the_pool_makes() -> None:
    pool = taken(Pool(9, [1, 2, 3, 4]), 3)
    assert bound_of([pool, pool.idle], pool.idle) is None


def test_a_number_that_moves_on_is_no_limit() -> None:
    counting = taken(Counting(), 3)
    assert bound_of([counting, counting.idle], counting.idle) is None


def test_a_list_that_no_code_handles_where_the_pool_compares() -> None:
    log = taken(Log(), 3)
    assert bound_of([log, log.lines], log.lines) is None


def test_an_item_of_a_pool_is_not_the_pool() -> None:
    rows: list[int] = [1]
    pool = taken(Pool(9, [rows]), 3)
    assert bound_of([pool, pool.idle, rows], rows) is None


class Stats:
    """Is emptied after so many calls."""

    def __init__(self, most: int) -> None:
        self.rows: dict[int, bytes] = {}
        self.calls, self.most = 0, most

    def put(self, row: bytes) -> None:
        self.calls += 1
        self.rows[self.calls] = row
        if self.calls >= self.most:
            self.flush()

    def flush(self) -> None:
        self.calls, self.rows = 0, {}


class Regularly(Stats):
    def put(self, row: bytes) -> None:
        self.calls += 1
        self.rows[self.calls] = row
        if self.calls % 500 == 0:
            self.rows.clear()


class Unflushed:
    def __init__(self, most: int) -> None:
        self.rows: dict[int, bytes] = {}
        self.calls, self.most = 0, most

    def put(self, row: bytes) -> None:
        self.calls += 1
        self.rows[self.calls] = row
        if self.calls >= self.most:
            self.calls = 0


@pytest.mark.parametrize(
    ("kind", "calls", "expected"), [(Stats, 0, 900), (Stats, 2000, None), (Regularly, 2000, 500), (Unflushed, 0, None)]
)
def test_a_count_after_which_a_container_is_emptied(kind: type[Any], calls: int, expected: int | None) -> None:
    stats = kind(900)
    stats.calls = calls
    stats.rows.update(dict.fromkeys(range(200), b"row"))
    assert bound_of([stats, stats.rows], stats.rows) == (expected and Bound(expected, 200))


class TestOneForEachThread:
    """What a threading.local has for the threads of an executor is bounded by their number."""

    def used_by(self, start: Any) -> Bound | None:
        """The bound of a local of this thread and of five that *start* starts; these wait meanwhile."""
        local, ready, end = threading.local(), threading.Barrier(6), threading.Event()

        def work() -> None:
            local.scratch = [None]
            ready.wait()
            end.wait()

        try:
            [start(work) for _ in range(5)]
            ready.wait()
            dicts = next(it for it in referents_of([local]) if type(it) is dict and len(it) == 6)
            return bound_of([local, dicts], dicts)
        finally:
            end.set()

    def test_an_executor_starts_no_more_than_it_may(self) -> None:
        with ThreadPoolExecutor(20) as executor:
            bound = self.used_by(executor.submit)
        assert bound is not None and bound.used == 6 and bound.limit > 20

    def test_other_threads_have_no_bound(self) -> None:
        assert self.used_by(lambda work: threading.Thread(target=work).start()) is None
