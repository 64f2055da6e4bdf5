"""HeapDiff on a real heap: what came, went and grew; quiet where nothing happened; ended once."""

from __future__ import annotations

import gc
import json
import math
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from memwatch.backend.quiet import is_quiet
from memwatch.errors import AlreadyEndedError, MemwatchError, OptionError
from memwatch.heap import Diff, HeapDiff, TypeChange, diff_snapshots, least, most, take_snapshot

KEPT: list[Any] = []


class Order:
    def __init__(self, number: int) -> None:
        self.number = number


@pytest.fixture(autouse=True)
def _kept_is_empty() -> Iterator[None]:
    KEPT.clear()
    yield
    KEPT.clear()


def row(diff: Diff, what: str) -> TypeChange | None:
    return next((found for found in diff.change.details if found.what == what), None)


def order_row(diff: Diff) -> TypeChange | None:
    return row(diff, f"{__name__}.Order")


def measure(action: Callable[[], object], **options: bool) -> Diff:
    with HeapDiff(**options) as heap_diff:
        action()
    return heap_diff.diff


def assert_reconciles(diff: Diff) -> None:
    change = diff.change
    assert diff.after.size_bytes - diff.before.size_bytes == change.size_bytes
    assert sum(found.size_bytes for found in change.details) == change.size_bytes
    assert sum(least(found.allocated) for found in change.details) == least(change.allocated_nodes)
    assert sum(least(found.freed) for found in change.details) == least(change.freed_nodes)
    assert sum(found.net for found in change.details) == change.net_nodes
    assert diff.after.nodes - diff.before.nodes == change.net_nodes
    assert all(
        found.exact == isinstance(found.allocated, int) == isinstance(found.freed, int) for found in change.details
    )


def test_new_objects_are_counted_exactly_where_there_were_none(size_of: Callable[[object], int]) -> None:
    diff = measure(lambda: KEPT.extend(map(Order, range(1000))))
    found = order_row(diff)
    assert found is not None
    assert (found.allocated, found.freed, found.exact) == (1000, 0, True)
    assert found.size_bytes == sum(map(size_of, KEPT))
    assert_reconciles(diff)


def test_freed_objects_are_counted() -> None:
    KEPT.extend(map(Order, range(1000)))
    diff = measure(KEPT.clear)
    found = order_row(diff)
    assert found is not None
    assert (found.allocated, found.freed, found.exact) == (0, 1000, True)
    assert found.size_bytes < 0
    assert_reconciles(diff)


def test_counts_hold_the_truth_where_some_stayed() -> None:
    KEPT.extend(map(Order, range(100)))

    def replace_half() -> None:
        KEPT[:50] = map(Order, range(60))

    diff = measure(replace_half)
    found = order_row(diff)
    assert found is not None
    assert found.net == 10
    assert least(found.allocated) <= 60 <= most(found.allocated)
    assert least(found.freed) <= 50 <= most(found.freed)
    assert_reconciles(diff)


def test_untracked_objects_are_seen() -> None:
    diff = measure(lambda: KEPT.extend(bytes(10_000) for _ in range(100)))
    found = row(diff, "bytes")
    assert found is not None
    assert found.size_bytes >= 1_000_000
    assert diff.change.details[0].what == "bytes"


def test_shallow_sees_the_tracked_alone() -> None:
    diff = measure(lambda: KEPT.extend([Order(1), bytes(10_000)]), deep=False)
    assert row(diff, "bytes") is None
    found = order_row(diff)
    assert found is not None and found.allocated == 1


def test_a_list_that_got_longer_is_reported(size_of: Callable[[object], int]) -> None:
    before = size_of(KEPT)
    diff = measure(lambda: KEPT.extend([None] * 10_000))
    after = size_of(KEPT)
    found = row(diff, "list")
    assert found is not None
    assert found.grown >= 1 and found.grown_bytes >= after - before and found.size_bytes >= after - before
    grown = diff.grown[0]
    assert (grown.what, grown.address) == ("list", id(KEPT))
    assert grown.before_bytes in (0, before) and grown.after_bytes == after  # 0 where no size was kept of it
    assert_reconciles(diff)


def test_grown_is_largest_first_and_fifty_at_most() -> None:
    KEPT.extend([] for _ in range(80))

    def grow() -> None:
        for length, it in enumerate(KEPT, 10):
            it.extend([None] * length * 8)

    grown = measure(grow).grown
    growth = [found.after_bytes - found.before_bytes for found in grown]
    assert len(grown) == 50
    assert growth == sorted(growth, reverse=True)
    assert grown[0].address == id(KEPT[-1])


def run_alone(program: str) -> str:
    """What *program* prints in an interpreter of its own, without the test runner's threads and callbacks."""
    program = f"from memwatch.heap import HeapDiff, least\n{program}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_a_quiet_program_shows_nothing() -> None:
    program = """
def measure():
    with HeapDiff() as heap_diff:
        pass
    return heap_diff.diff
for _ in range(3):
    diff = measure()
print(diff.change.details)
"""
    assert run_alone(program) == "()\n"


def test_nested_and_interleaved_diffs_do_not_see_each_other() -> None:
    program = """
def nested():
    with HeapDiff() as outer, HeapDiff() as inner:
        pass
    return inner.diff, outer.diff
def interleaved():
    first = HeapDiff()
    second = HeapDiff()
    return first.end(), second.end()
for measure in (nested, interleaved):
    for _ in range(3):
        diffs = measure()
    print(*(diff.change.details for diff in diffs))
"""
    assert run_alone(program) == "() ()\n() ()\n"


def test_interleaved_diffs_keep_their_times() -> None:
    first, second = HeapDiff(deep=False), HeapDiff(deep=False)
    one, two = first.end(), second.end()
    assert one.before.time < two.before.time < one.after.time < two.after.time


def test_overlapping_diffs_each_see_their_own_stretch() -> None:
    first = HeapDiff()
    KEPT.extend(map(Order, range(100)))
    second = HeapDiff()
    KEPT.extend(map(Order, range(10)))
    rows = order_row(first.end()), order_row(second.end())
    outer, inner = rows
    assert outer is not None and inner is not None
    assert (outer.allocated, outer.exact, inner.net) == (110, True, 10)
    assert least(inner.allocated) <= 10 <= most(inner.allocated)


def test_ending_twice_says_when_it_ended() -> None:
    heap_diff = HeapDiff()
    heap_diff.end()
    with pytest.raises(AlreadyEndedError, match=r"already ended, \d+\.\d s ago"):
        heap_diff.end()


def test_of_many_threads_one_ends_it() -> None:
    heap_diff = HeapDiff(deep=False)
    barrier = threading.Barrier(4)
    outcomes: list[str] = []

    def end() -> None:
        barrier.wait()
        try:
            outcomes.append(type(heap_diff.end()).__name__)
        except AlreadyEndedError:
            outcomes.append("refused")

    threads = [threading.Thread(target=end) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["Diff", "refused", "refused", "refused"]


def test_the_body_may_raise() -> None:
    heap_diff = HeapDiff()
    with pytest.raises(IndexError), heap_diff:
        KEPT[0] = 1
    assert heap_diff.diff.after.nodes


def test_the_body_may_end_it() -> None:
    with HeapDiff() as heap_diff:
        diff = heap_diff.end()
    assert heap_diff.diff is diff


def test_diff_before_the_end_says_what_to_do() -> None:
    with pytest.raises(MemwatchError, match="has not been ended yet"):
        _ = HeapDiff(deep=False).diff


@pytest.mark.parametrize("options", [{"deep": 1}, {"collect": None}, {"deep": "yes"}])
def test_options_are_bools(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="must be True or False"):
        HeapDiff(**options)


def test_garbage_does_not_count_unless_asked_for() -> None:
    def make_garbage() -> None:
        for number in range(100):
            order: Any = Order(number)
            order.itself = order

    gc.disable()
    try:
        assert order_row(measure(make_garbage)) is None
        left = order_row(measure(make_garbage, collect=False))
    finally:
        gc.enable()
    assert left is not None and left.allocated == 100


def test_its_collections_are_quiet() -> None:
    seen: list[bool] = []

    def callback(phase: str, info: dict[str, int]) -> None:
        if info["generation"] == 2:
            seen.append(is_quiet())

    gc.callbacks.append(callback)
    try:
        HeapDiff().end()
    finally:
        gc.callbacks.remove(callback)
    assert len(seen) >= 4
    assert all(seen)


def test_nothing_of_the_program_is_kept() -> None:
    KEPT.extend(map(Order, range(10)))
    gone = [weakref.ref(order) for order in KEPT]
    heap_diff = HeapDiff()
    KEPT.clear()
    assert all(ref() is None for ref in gone)
    diff = heap_diff.end()
    found = order_row(diff)
    assert found is not None and found.freed == 10


def test_frozen_objects_are_no_births() -> None:
    program = """
import gc
class Order: pass
kept = [Order() for _ in range(300)]
HeapDiff().end()
with HeapDiff() as froze:
    gc.freeze()
with HeapDiff() as leaked:
    kept.extend(Order() for _ in range(200))
print(least(froze.diff.change.allocated_nodes), [r for r in froze.diff.change.details if r.what == "__main__.Order"])
rows = [(r.what, least(r.allocated), least(r.freed)) for r in leaked.diff.change.details if r.what != "str"]
print([row for row in rows if row[1] or row[2]])
"""
    assert run_alone(program) == "0 []\n[('__main__.Order', 200, 0)]\n"


def test_diffs_of_a_quiet_program_leave_nothing_behind() -> None:
    program = """
import gc, sys
def rounds(count):
    for _ in range(count):
        with HeapDiff():
            pass
    gc.collect()
    return sys.getallocatedblocks(), len(gc.get_objects())
rounds(5)
before = rounds(5)
after = rounds(40)
print(abs(after[0] - before[0]) < 40, abs(after[1] - before[1]) < 10)
"""
    assert run_alone(program) == "True True\n"


def test_a_deep_and_a_shallow_snapshot_do_not_compare() -> None:
    with pytest.raises(OptionError, match="deep"):
        diff_snapshots(take_snapshot(), take_snapshot(deep=False))


def test_to_dict_has_node_memwatchs_keys() -> None:
    diff = measure(lambda: KEPT.extend(map(Order, range(50))))
    data = diff.to_dict()
    assert list(data) == ["before", "after", "change", "missing"]
    looks = {"nodes", "time", "size_bytes", "size", "pause_seconds", "collect_seconds", "rss"}
    assert set(data["before"]) == set(data["after"]) == looks and data["missing"] == []
    assert set(data["change"]) == {"size_bytes", "size", "freed_nodes", "allocated_nodes", "details"}
    found = next(it for it in data["change"]["details"] if it["what"] == f"{__name__}.Order")
    assert set(found) == {"what", "size_bytes", "size", "+", "-", "exact"}
    assert (found["+"], found["-"], found["exact"]) == (50, 0, True)
    assert all(type(number) in (int, list) for it in data["change"]["details"] for number in (it["+"], it["-"]))
    assert json.loads(json.dumps(data)) == data
    assert math.isclose(data["before"]["time"], diff.before.time)


class Grower:
    """What grows."""


def test_grew_counts_what_is_more_of_a_class() -> None:
    kept = []
    with HeapDiff() as heap_diff:
        kept.extend(Grower() for _ in range(3))
    diff = heap_diff.diff
    assert diff.grew(Grower) == diff.grew(f"{__name__}.Grower") == 3
    with HeapDiff() as heap_diff:
        kept.clear()
    assert heap_diff.diff.grew(Grower) == 0
    with pytest.raises(OptionError, match=r"a class or its name, as in 'app.User', not a int"):
        diff.grew(3)  # type: ignore[arg-type]


def test_what_views_of_arrays_pin_is_counted_once() -> None:
    numpy = pytest.importorskip("numpy")

    def view() -> Any:
        whole = numpy.ones(250_000)
        KEPT.append(whole[:5])
        return whole[10:]

    kept = []
    with HeapDiff() as heap_diff:
        kept += [view() for _ in range(4)]
    arrays = row(heap_diff.diff, "numpy.ndarray")
    assert arrays is not None and arrays.net == 12
    assert 8_000_000 <= arrays.size_bytes < 8_100_000


def test_the_objects_in_an_array_are_counted() -> None:
    numpy = pytest.importorskip("numpy")

    class Table(numpy.ndarray):  # type: ignore[misc,name-defined]
        pass

    orders = numpy.array([Order(number) for number in range(2)], dtype=object)
    with HeapDiff() as heap_diff:
        KEPT.append(numpy.array([f"order {number}" for number in range(1000)], dtype=object)[::2])
        KEPT.append(numpy.array([bytes(number) for number in range(1000)], dtype=object).view(Table))
        KEPT.append(orders[:1])
    texts, data = row(heap_diff.diff, "str"), row(heap_diff.diff, "bytes")
    assert texts is not None and texts.net >= 1000
    assert data is not None and data.net >= 998 and data.size_bytes > 400_000
    assert order_row(heap_diff.diff) is None or order_row(heap_diff.diff).net == 0
