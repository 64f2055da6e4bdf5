"""Options of HeapDiff: what a budget leaves out is said, a child's counts give net rows, wrong values are refused."""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from memwatch import backend
from memwatch.backend.census import in_child
from memwatch.backend.census.chosen import expected_pause
from memwatch.backend.census.listed_set import ListedObjectSet
from memwatch.backend.meters.meters import expected_objects
from memwatch.backend.quiet import COLLECT_SECONDS
from memwatch.errors import MemwatchError, OptionError, UnsupportedError
from memwatch.heap import HeapDiff, least, most
from memwatch.heap import diff as diff_module

KEPT: list[Any] = []


class Order:
    pass


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    KEPT.clear()


def test_the_pauses_of_both_looks_are_measured() -> None:
    diff = HeapDiff(deep=False).end()
    assert all(look.pause_seconds > 0 and look.collect_seconds > 0 for look in (diff.before, diff.after))
    assert "\ntwo looks, longest pause " in f"\n{diff}"
    assert HeapDiff(deep=False, collect=False).end().after.collect_seconds == 0.0


def test_without_a_budget_or_within_it_nothing_is_missing() -> None:
    assert HeapDiff(deep=False).end().missing == HeapDiff(deep=False, pause_budget=60).end().missing == ()


def test_above_the_budget_no_collection_runs_and_it_is_said() -> None:
    objects = expected_objects()
    seconds = [objects * COLLECT_SECONDS, expected_pause(objects, True)]
    if seconds[0] <= 1.2 * seconds[1]:
        pytest.skip("a walk costs as much as a collection")
    diff = HeapDiff(pause_budget=(seconds[0] + seconds[1]) / 2).end()
    assert diff.missing[0].startswith("no collection before a look: ")
    assert diff.before.collect_seconds == 0.0


def test_above_the_budget_both_looks_fall_back_to_tracked_objects() -> None:
    objects = expected_objects()
    deep, tracked = expected_pause(objects, True), expected_pause(objects, False)
    if deep <= 1.5 * tracked:
        pytest.skip("a deep walk pauses the program no longer")
    with HeapDiff(pause_budget=(deep + tracked) / 2) as heap_diff:
        KEPT.append([Order(), "text" * 9000])
    rows = {row.what for row in heap_diff.diff.change.details}
    assert "str" not in rows and f"{__name__}.Order" in rows
    assert [line.partition(":")[0] for line in heap_diff.diff.missing][:2] == [
        "no collection before a look",
        "tracked objects alone",
    ]
    assert f"missing: {heap_diff.diff.missing[1]}" in str(heap_diff.diff)


def test_where_nothing_fits_that_is_said_and_no_look_is_taken() -> None:
    collections = gc.get_stats()[2]["collections"]
    with pytest.raises(MemwatchError, match=r"is over the budget: [\d,]+ blocks would pause .* 0.0 ms are allowed"):
        HeapDiff(pause_budget=1e-9)
    assert gc.get_stats()[2]["collections"] == collections


def test_a_budget_that_was_not_kept_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memwatch.heap.budget.expected_objects", lambda: 1)
    missing = HeapDiff(deep=False, pause_budget=1e-6).end().missing
    assert [line.partition(" paused")[0] for line in missing] == [
        "the budget was not kept: a look",
        "the budget was not kept: a collection",
    ]


@pytest.mark.parametrize("budget", [0, -1, math.nan, math.inf, True, "1", [1]])
def test_other_budgets_are_refused(budget: Any) -> None:
    with pytest.raises(OptionError, match="pause_budget must be None, or seconds above 0, not "):
        HeapDiff(pause_budget=budget)


def test_a_child_cannot_tell_containers_apart() -> None:
    with pytest.raises(OptionError, match="split must be None"):
        HeapDiff(in_child=True, split="keys")
    with pytest.raises(OptionError, match="in_child must be True or False"):
        HeapDiff(in_child=1)  # type: ignore[arg-type]


def test_a_census_in_a_child_gives_net_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([{"app.Order": (10, 640), "str": (5, 500)}, {"app.Order": (14, 896), "str": (2, 300), "new": (1, 9)}])
    monkeypatch.setattr(diff_module, "count_in_child", lambda deep: (next(counts), 0.004))
    diff = HeapDiff(in_child=True).end()
    assert {row.what: (row.allocated, row.freed, row.exact, row.size_bytes) for row in diff.change.details} == {
        "app.Order": ((4, 14), (0, 10), False, 256),
        "str": ((0, 2), (3, 5), False, -200),
        "new": (1, 0, True, 9),
    }
    assert (diff.before.nodes, diff.after.nodes, diff.after.pause_seconds) == (15, 17, 0.004)


def test_a_child_is_refused_where_it_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_child, "_count", None)
    with pytest.raises(UnsupportedError, match=f"needs a C extension that can do it; backend {backend.name}: "):
        HeapDiff(in_child=True)
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UnsupportedError, match="needs Linux, and this is win32"):
        HeapDiff(in_child=True)


@pytest.mark.skipif(in_child._count is None, reason="no census in a child with this backend")
def test_a_real_census_in_a_child() -> None:
    with HeapDiff(in_child=True, collect=False) as heap_diff:
        KEPT.extend(Order() for _ in range(1000))
    row = next(row for row in heap_diff.diff.change.details if row.what == f"{__name__}.Order")
    assert row.net == 1000 and least(row.allocated) == most(row.allocated) == 1000


def test_watching_births_ends_with_the_diff_and_with_one_that_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    released: list[str] = []
    kind = ListedObjectSet if backend.name == "pure" else type(HeapDiff()._before[0].identity)
    plain = kind.release

    def release(self: Any) -> None:
        released.append("released")
        plain(self)

    monkeypatch.setattr(kind, "release", release)
    HeapDiff(deep=False).end()
    assert len(released) == 1
    dropped = HeapDiff(deep=False)
    del dropped
    assert len(released) == 2
    broken = HeapDiff(deep=False)
    monkeypatch.setattr(diff_module, "diff_snapshots", _no_memory)
    with pytest.raises(MemoryError):
        broken.end()
    assert len(released) == 3


def _no_memory(*_: object) -> None:
    raise MemoryError
