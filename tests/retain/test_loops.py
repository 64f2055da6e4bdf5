"""How much a loop will put into a container, by what it goes through; and loops of which nothing tells that."""

from __future__ import annotations

import gc
import sys
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from memwatch.retain.bounds import bound_of
from memwatch.retain.loops import filled_by_loop

ROWS = [f"row {number}" for number in range(300)]
TABLE = {number: str(number) for number in range(200)}
KEPT: list[str] = []


def ask(holder: Any, *chain: Any) -> tuple[int, int] | None:
    return filled_by_loop([*chain, holder], holder, len(holder))


def by_how_far_it_is() -> Any:
    out = []
    for number, row in enumerate(ROWS):
        out += [row]
        out.append(row)
        if number == 99:
            return ask(out)
    return None


def by_the_items_of_a_dict() -> Any:
    out = {}
    for number, text in TABLE.items():
        out[number] = text
        if number == 49:
            return ask(out)
    return None


def by_rows_of_a_table() -> Any:
    out = set()
    table = numpy.arange(400).reshape(100, 4)
    for row in table:
        out.add(tuple(row))
        if len(out) == 20:
            return ask(out)
    return None


def by_an_attribute() -> Any:
    return Job().run()


class Job:
    def __init__(self) -> None:
        self.rows, self.out = ROWS, list[str]()

    def run(self) -> Any:
        for row in self.rows:
            self.out.append(row)
            if len(self.out) == 150:
                return ask(self.out, self)
        return None


def of_a_coroutine_that_waits() -> Any:
    async def fetch(out: list[str]) -> None:
        for row in ROWS:
            out.append(row)
            await Once()

    out: list[str] = []
    waiting = fetch(out)
    for _ in range(30):
        waiting.send(None)
    found = ask(out, waiting)
    waiting.close()
    return found


def of_a_comprehension() -> Any:
    found = []

    def parse(row: str) -> list[str]:
        if row is ROWS[99]:
            made = next(it for it in gc.get_objects() if type(it) is list and len(it) == 99 and it[0] == [ROWS[0]])
            found.append(ask(made))
        return [row]

    parsed = [parse(row) for row in ROWS]
    return found[0] if len(parsed) == len(ROWS) else None


class Once:
    def __await__(self) -> Any:
        yield


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        (by_how_far_it_is, (600, 200)),
        (by_the_items_of_a_dict, (200, 50)),
        (by_rows_of_a_table, (100, 20)),
        (by_an_attribute, (300, 150)),
        (of_a_coroutine_that_waits, (300, 30)),
    ],
)
def test_data_that_a_loop_goes_through_is_a_bound(loop: Any, expected: tuple[int, int]) -> None:
    assert loop() == expected


def keep(row: str) -> None:
    KEPT.append(row)


def in_a_function_that_it_calls() -> Any:
    KEPT.clear()
    for row in ROWS:
        keep(row)
    return ask(KEPT)


class Registry:
    """Has a method that adds, and a loop elsewhere calls it."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def load_one(self, row: str) -> None:
        self.kept.append(row)

    def load(self, until: int) -> Any:
        for row in ROWS:
            self.load_one(row)
            if len(self.kept) == until:
                return bound_of([self, self.kept], self.kept), bound_of([self, self.kept], self.kept, codes="used")
        return None


@pytest.mark.parametrize(("until", "bound"), [(200, (300, 200)), (120, None)])
def test_what_a_function_keeps_that_a_loop_calls_may_be_all_in_the_second_half_of_it(until: int, bound: Any) -> None:
    assert Registry().load(until) == (bound, None)


def that_is_run_again_and_again() -> Any:
    out: list[str] = []
    while True:
        for row in ROWS:
            out.append(row)
            if len(out) == 1150:
                return ask(out)


def over_a_range() -> Any:
    out = []
    for number in range(300):
        out.append(str(number))
        if number == 100:
            return ask(out)
    return None


def over_what_may_be_endless() -> Any:
    out = []
    for row in iter(ROWS):
        out.append(row)
        if len(out) == 100:
            return ask(out)
    return None


def that_is_over() -> Any:
    out = []
    for row in ROWS:
        out.append(row)
    return ask(out)


def that_adds_to_something_else() -> Any:
    out, other = ["x"], SimpleNamespace(items=[])
    for row in ROWS:
        other.items.append(row)
        if len(other.items) == 100:
            return ask(out)
    return None


@pytest.mark.parametrize(
    "loop",
    [
        in_a_function_that_it_calls,
        over_a_range,
        that_is_run_again_and_again,
        over_what_may_be_endless,
        that_is_over,
        that_adds_to_something_else,
    ],
)
def test_of_other_loops_no_end_is_known(loop: Any) -> None:
    assert loop() is None


@pytest.mark.skipif(
    sys.version_info < (3, 12), reason="a comprehension was a function of its own, which gets an iterator"
)
def test_what_a_comprehension_makes() -> None:
    assert of_a_comprehension() == (297, 99)
