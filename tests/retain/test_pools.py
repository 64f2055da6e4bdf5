"""Pools that count what they make, and make no more than they may: what lies idle in them is bounded."""

from __future__ import annotations

import queue
from typing import Any

import pytest

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
