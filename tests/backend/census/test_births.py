"""Births: what came and went between two identities, told by an oracle that knows what it made."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import memwatch

if memwatch.backend.name != "native":
    pytest.skip("only the C extension watches births", allow_module_level=True)

from memwatch.backend.census.contract import TypeTurnover
from memwatch.backend.census.exact import take_identity

from ...properties import given, settings, st

EXACT = sys.version_info >= (3, 13)
KEPT: list[Any] = []


class Order:
    def __init__(self, number: int) -> None:
        self.number = number


class Point:
    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


MAKERS: dict[str, Callable[[int], object]] = {
    f"{__name__}.Order": Order,
    f"{__name__}.Point": Point,
    "dict": lambda number: {"number": number, "rows": [number]},
    "list": lambda number: [number],
    "tuple": lambda number: (number, f"item {number}"),
    "str": lambda number: f"text {number}",
    "bytes": lambda number: b"bytes %d" % number,
    "float": lambda number: number + 0.25,
    "function": lambda number: lambda: number,
}
TRACKED = {f"{__name__}.Order", f"{__name__}.Point", "dict", "list", "function"}
ALL = pytest.mark.parametrize("label", MAKERS)


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    KEPT.clear()
    yield
    KEPT.clear()


def watch(since: Any = None, births: bool = False) -> Any:
    gc.collect()
    return take_identity(True, (), None, births, since)


def background(label: str) -> int:
    """What comes and goes of a type between two looks when nothing is done, and what is doubtful: tests' machinery."""
    before = watch(births=True)
    row = before.compare(watch(before))[0].get(label, TypeTurnover(0, 0, 0))
    return max(row.allocated, row.freed) + row.doubtful


def check(label: str, before: Any, after: Any, made: int, gone: int, slack: int) -> None:
    """The passage holds the truth, and is exact or at most 1 % wide."""
    row = before.compare(after)[0][label]
    assert row.allocated - row.freed == after.totals[label][0] - before.totals[label][0]
    assert row.allocated <= made + slack and row.freed <= gone + slack
    assert row.allocated + row.doubtful >= made and row.freed + row.doubtful >= gone
    if EXACT or label in TRACKED:
        assert row.doubtful <= (0 if label.startswith(__name__) or EXACT else slack)
    else:
        assert row.doubtful <= max(0.01 * made, 1.05 * slack) + 10  # of which the background has a few more by now


def change(label: str, replaced: list[int], gone: list[int], made: int) -> tuple[int, int]:
    """Replace in place one after another, then drop many at once and fill up; how many were made, how many went."""
    make, number, size = MAKERS[label], 1_000_000, len(KEPT)
    for place in replaced:
        number += 1
        KEPT[place % size] = None
        KEPT[place % size] = make(number)
    for place in sorted({place % size for place in gone}, reverse=True):
        del KEPT[place]
    went = size - len(KEPT)
    KEPT.extend(make(number + 1 + count) for count in range(made))
    return made, went


@pytest.mark.slow
@ALL
@settings(max_examples=3, deadline=None)
@given(
    st.lists(st.integers(0, 999), max_size=200),
    st.lists(st.integers(0, 999), max_size=100),
    st.integers(0, 300),
)
def test_any_change_is_told(label: str, replaced: list[int], gone: list[int], made: int) -> None:
    slack = background(label) + 30
    KEPT[:] = [MAKERS[label](number) for number in range(1000)]
    before = watch(births=True)
    come, went = change(label, replaced, gone, made)
    survivors = 1000 - len({place % 1000 for place in replaced} | {place % 1000 for place in gone})
    after = watch(before)
    row = before.compare(after)[0].get(label, TypeTurnover(0, 0, 0))
    truth_freed, truth_allocated = 1000 - survivors, len(KEPT) - survivors
    assert come - went == len(KEPT) - 1000
    assert row.freed - slack <= truth_freed <= row.freed + row.doubtful + slack
    assert row.allocated - slack <= truth_allocated <= row.allocated + row.doubtful + slack
    if EXACT:
        assert row.doubtful == 0


@ALL
@pytest.mark.parametrize("share", [0.1, 1.0])
def test_a_flush_is_told(label: str, share: float) -> None:
    slack, size = background(label) + 5, 10_000
    KEPT[:] = [MAKERS[label](number) for number in range(size)]
    before = watch(births=True)
    flushed = int(size * share)
    del KEPT[:flushed]
    KEPT.extend([MAKERS[label](number) for number in range(size, size + flushed)])
    check(label, before, watch(before), flushed, flushed, slack)


@ALL
def test_a_steady_replacement_is_told(label: str) -> None:
    slack, size = background(label) + 5, 10_000
    KEPT[:] = [MAKERS[label](number) for number in range(size)]
    before = watch(births=True)
    for place in range(0, size, 2):
        KEPT[place] = None
        KEPT[place] = MAKERS[label](size + place)
    check(label, before, watch(before), size // 2, size // 2, slack)


def test_instances_are_exact_to_the_last_one() -> None:
    KEPT[:] = [Order(number) for number in range(1000)]
    before = watch(births=True)
    for place in range(0, 1000, 10):
        KEPT[place] = None
        KEPT[place] = Order(-place)
    after = watch(before)
    assert before.compare(after)[0][f"{__name__}.Order"] == TypeTurnover(100, 100, 0)
    assert sorted(before.came(after, {f"{__name__}.Order"})) == sorted(id(order) for order in KEPT[::10])
    survivors = set(before.addresses())
    assert not survivors.intersection(map(id, KEPT[::10]))
    assert survivors.issuperset(id(order) for place, order in enumerate(KEPT) if place % 10)


def test_what_is_born_after_the_second_look_changes_nothing() -> None:
    KEPT[:] = [Order(number) for number in range(1000)]
    before = watch(births=True)
    after = watch(before)
    for place in range(1000):
        KEPT[place] = None
        KEPT[place] = Order(-place)
    assert f"{__name__}.Order" not in before.compare(after)[0]
    third = watch()
    row = before.compare(third)[0][f"{__name__}.Order"]
    assert row.doubtful + row.freed == 1000  # what happened since the second look is not known


@pytest.mark.skipif(EXACT, reason="births are traced")
def test_equal_contents_in_many_objects_are_doubtful() -> None:
    KEPT[:] = [float("1.5") for _ in range(1000)]
    before = watch(births=True)
    for place in range(1000):
        KEPT[place] = None
        KEPT[place] = float("1.5")
    row = before.compare(watch(before))[0]["float"]
    assert row.freed + row.doubtful >= 1000


@pytest.mark.skipif(EXACT, reason="births are traced")
def test_a_dict_that_is_tracked_again_is_doubtful_and_not_new() -> None:
    KEPT[:] = [{"job": []} for _ in range(1000)]
    before = watch(births=True)
    for idle in KEPT:
        idle["job"] = None
    gc.collect()
    assert not any(map(gc.is_tracked, KEPT))
    for idle in KEPT:
        idle["job"] = []
    row = before.compare(watch(before))[0]["dict"]
    assert row.allocated < 200 and row.doubtful >= 1000


def test_a_dict_that_comes_to_be_tracked_is_not_new() -> None:
    KEPT[:] = [{"job": number} for number in range(1000)]
    before = watch(births=True)
    for job in KEPT:
        job["job"] = []
    row = before.compare(watch(before))[0].get("dict", TypeTurnover(0, 0, 0))
    assert row.allocated < 200 and row.doubtful <= (0 if EXACT else 1200)
