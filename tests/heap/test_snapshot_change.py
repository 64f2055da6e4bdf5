"""What came between two snapshots, and who holds a class, from snapshots that are made by hand."""

from __future__ import annotations

import io
import json
from collections import Counter

from memwatch.formats.heapsnapshot import HeapSnapshot, writer
from memwatch.formats.heapsnapshot.reader import read_from
from memwatch.heap.analysis import _common, analyse, dominators_in, holder_of_most, wide_nodes
from memwatch.heap.dominators_table import placed
from memwatch.heap.holders import holders_of
from memwatch.heap.snapshot_change import compare

STRINGS = ["", "(GC roots)", "(Modules)", "<module app>", "app.Cache", "app.Order", "bytearray", "cache", "app", "data"]
STRINGS += ["(Garbage)", "app.Request"]


def snapshot_with(orders: range, cache_bytes: int, lost: int = 0) -> HeapSnapshot:
    """The module app with a cache of orders, each with 1,000 bytes of its own, and so many lost requests."""
    nodes = [(9, 0, 1, 0, 1), (9, 1, 2, 0, 1), (9, 2, 3, 0, 1), (3, 3, 70_000, 50, 1)]
    nodes += [(3, 4, 70_001, cache_bytes, len(orders))]
    edges = [(1, 0, 1), (1, 0, 2), (2, 8, 3), (2, 7, 4)]
    edges += [(1, place, 5 + 2 * place) for place in range(len(orders))]
    for place, number in enumerate(orders):
        nodes += [(3, 5, 80_000 + 2 * number, 40, 1), (3, 6, 80_001 + 2 * number, 1000, 0)]
        edges += [(2, 9, 6 + 2 * place)]
    garbage = len(nodes)
    nodes[0] = (9, 0, 1, 0, 2)
    edges.insert(1, (1, 0, garbage))
    nodes += [(9, 10, 5, 0, lost), *((3, 11, 200_000 + number, 60, 0) for number in range(lost))]
    edges += [(1, place, garbage + 1 + place) for place in range(lost)]
    file = io.BytesIO()
    writer.write(file, (len(nodes), len(edges)), nodes, edges, STRINGS, {})
    file.seek(0)
    return read_from(file)


def test_what_came_and_went_is_told_by_class_with_its_holder() -> None:
    change = compare(snapshot_with(range(10), 100), snapshot_with(range(2, 60), 900))
    order, held, cache = change.rows
    assert (order.what, order.came, order.went, order.size_bytes) == ("app.Order", 50, 2, 48 * 40)
    assert order.retained_bytes == 50 * 1040
    assert (order.holder, [step.name for step in order.path[2:]]) == ("app.Cache", ["app", "cache"])
    assert (held.what, held.retained_bytes) == ("bytearray", 50 * 1000)
    assert (cache.what, cache.came, cache.grown_bytes) == ("app.Cache", 0, 800)
    assert "app.Cache at (Modules) > app > cache" in change.table()
    assert json.loads(json.dumps(change.to_dict()))["rows"][0]["came"] == 50


def test_what_is_garbage_is_not_held_by_what_holds_the_rest() -> None:
    change = compare(snapshot_with(range(10), 100), snapshot_with(range(60), 900, lost=14))
    holders = {row.what: row.holder for row in change.rows}
    assert (holders["app.Order"], holders["bytearray"], holders["app.Request"]) == (
        "app.Cache",
        "app.Cache",
        "(Garbage)",
    )
    assert not [line for line in change.table().splitlines() if line.endswith(" at")]


def test_what_all_groups_hold_together_is_said_to_have_several_holders() -> None:
    assert (placed("(GC roots)", ()), placed("(Garbage)", ())) == ("several", "(Garbage)")


def test_nothing_came() -> None:
    change = compare(snapshot_with(range(5), 100), snapshot_with(range(5), 100))
    assert change.rows == ()
    assert str(change).count("\n") == 1


def test_where_much_hangs() -> None:
    found = analyse(snapshot_with(range(50), 100), top=3)
    assert [(point.what, point.size_bytes, point.objects) for point in found.points] == [("app.Cache", 52_100, 101)]
    assert found.points[0].drawn == "(Modules) > app > cache"
    assert [(it.what, it.objects, it.size_bytes) for it in found.points[0].accumulated][:2] == [
        ("bytearray", 50, 50_000),
        ("app.Order", 50, 2_000),
    ]
    retained = {it.what: it.retained_bytes for it in found.classes}
    assert retained["app.Order"] == 52_000
    assert "app.Order" in analyse(snapshot_with(range(50), 100)).class_table()


def test_who_holds_a_class() -> None:
    found = holders_of(snapshot_with(range(50), 100), "bytearray")
    assert found is not None
    assert [(row.what, row.name, row.references) for row in found.rows] == [("app.Order", "data", 50)]
    assert (found.objects, found.size_bytes, found.retained_bytes) == (50, 50_000, 50_000)
    assert "kept by app.Cache at (Modules) > app > cache" in found.table(), "each order keeps one"
    assert holders_of(snapshot_with(range(50), 100), "app.Customer") is None


def test_the_holder_of_most_is_above_the_many_that_hold_few_each() -> None:
    snapshot = snapshot_with(range(3), 100)
    above = [2**32 - 1, 0, 1, 2, 3, 4, 4, 4, 3]  # the root, two groups, the module, a dict, its three lists, a list
    assert _common(above, Counter({5: 4, 6: 3, 7: 3, 8: 1})) == 4
    assert _common(above, Counter({5: 4, 8: 4})) == 3
    assert _common(above, Counter({5: 4, 0: 4})) == 0
    assert holder_of_most(wide_nodes(snapshot), dominators_in(snapshot), Counter({5: 1, 7: 1, 9: 1})) == 4
    assert holder_of_most(wide_nodes(snapshot), dominators_in(snapshot), Counter({4: 2, 2: 2})) == 4, (
        "(Modules) would tell nothing"
    )
