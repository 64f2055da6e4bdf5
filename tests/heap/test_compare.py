"""The diff of snapshots made by hand: it adds up, whatever they hold."""

from __future__ import annotations

from array import array

from memwatch.backend.census.contract import GROWN_FROM, Listing
from memwatch.backend.census.listed_set import Counted, ListedObjectSet
from memwatch.heap import Diff, Grown, Snapshot, TypeChange, diff_snapshots, least, most

from ..properties import given, st

Rows = dict[int, tuple[str, int]]

sizes = st.integers(16, 90) | st.integers(GROWN_FROM - 1, GROWN_FROM + 1)
heaps = st.dictionaries(st.integers(0, 400), st.tuples(st.sampled_from("abcde"), sizes), max_size=300)


def snapshot(rows: Rows, time: float = 0.0) -> Snapshot:
    """A snapshot of objects given as {address: (label, bytes)}; its labels come in order of address."""
    labels = tuple(dict.fromkeys(rows[address][0] for address in sorted(rows)))
    kinds = (labels.index(rows[address][0]) for address in sorted(rows))
    sizes = [rows[address][1] for address in sorted(rows)]
    columns = (array("Q", sorted(rows)), array("I", kinds), array("I", sizes))
    return Snapshot(time, True, ListedObjectSet(Listing(labels, *columns), True, 0.0))


def compare(before: Rows, after: Rows) -> Diff:
    return diff_snapshots(snapshot(before, 1.0), snapshot(after, 3.0))


def test_equal_heaps_have_no_rows() -> None:
    rows = {16: ("a", 20), 32: ("b", 30)}
    diff = compare(rows, rows)
    assert diff.change.details == () and diff.grown == ()
    assert (diff.before.nodes, diff.before.size_bytes, diff.before.time, diff.after.time) == (2, 50, 1.0, 3.0)


def test_what_came_went_and_grew() -> None:
    before = {16: ("kept", 20), 32: ("list", 1030), 48: ("gone", 40)}
    after = {16: ("kept", 20), 32: ("list", 1090), 64: ("new", 50)}
    diff = compare(before, after)
    assert diff.change.details == (
        TypeChange("list", 60, (0, 1), (0, 1), exact=False, grown=1, grown_bytes=60),
        TypeChange("new", 50, 1, 0, exact=True),
        TypeChange("gone", -40, 0, 1, exact=True),
    )
    assert diff.grown == (Grown("list", 32, 1030, 1090),)
    assert (diff.change.size_bytes, diff.change.allocated_nodes, diff.change.freed_nodes) == (70, (1, 3), (1, 3))


def test_another_type_at_the_address_is_another_object() -> None:
    diff = compare({16: ("a", 20)}, {16: ("b", 20)})
    assert {(row.what, row.allocated, row.freed, row.exact) for row in diff.change.details} == {
        ("a", 0, 1, True),
        ("b", 1, 0, True),
    }


def test_an_immutable_that_changed_its_size_is_another_object() -> None:
    diff = compare({16: ("tuple", 40)}, {16: ("tuple", 56)})
    assert diff.change.details == (TypeChange("tuple", 16, 1, 1, exact=True),)
    assert diff.grown == ()


def test_shrinking_in_place_is_bytes_and_no_growth() -> None:
    diff = compare({16: ("list", 1090), 32: ("list", 1030)}, {16: ("list", 1030), 32: ("list", 1050)})
    assert diff.change.details == (TypeChange("list", -40, (0, 2), (0, 2), exact=False, grown=1, grown_bytes=20),)


def test_what_is_small_grows_in_bytes_alone() -> None:
    diff = compare({16: ("list", 60), 32: ("list", 60)}, {16: ("list", 1023), 32: ("list", 1024)})
    assert diff.grown == (Grown("list", 32, 60, 1024),)
    assert diff.change.details == (TypeChange("list", 1927, (0, 2), (0, 2), False, grown=1, grown_bytes=964),)


def test_rows_come_by_size_of_change_then_name() -> None:
    diff = compare({16: ("shrunk", 70)}, {32: ("b", 20), 48: ("a", 20), 64: ("large", 90)})
    assert [row.what for row in diff.change.details] == ["large", "shrunk", "a", "b"]


@given(heaps, heaps)
def test_everything_adds_up(before: Rows, after: Rows) -> None:
    diff = compare(before, after)
    change = diff.change
    assert diff.after.size_bytes - diff.before.size_bytes == change.size_bytes
    assert diff.after.nodes - diff.before.nodes == change.net_nodes == sum(row.net for row in change.details)
    assert diff.after.nodes - diff.before.nodes == most(change.allocated_nodes) - most(change.freed_nodes)
    for label in "abcde":
        then = [size for what, size in before.values() if what == label]
        now = [size for what, size in after.values() if what == label]
        row = next((row for row in change.details if row.what == label), TypeChange(label, 0, 0, 0, True))
        assert row.size_bytes == sum(now) - sum(then)
        assert row.net == len(now) - len(then)


@given(heaps, heaps)
def test_exact_rows_are_exact_and_the_others_never_say_too_much(before: Rows, after: Rows) -> None:
    """At worst every object of the first snapshot died, and every one of the second was born."""
    for row in compare(before, after).change.details:
        born = sum(what == row.what for what, _ in after.values())
        died = sum(what == row.what for what, _ in before.values())
        stayed = sum(before.get(address, ("", 0))[0] == row.what == what for address, (what, _) in after.items())
        assert row.exact == (stayed == 0)
        assert (least(row.allocated), most(row.allocated)) == (born - stayed, born)
        assert (least(row.freed), most(row.freed)) == (died - stayed, died)


def test_heaps_longer_than_a_piece() -> None:
    before: Rows = {16 * number: ("a", 20) for number in range(30_000)}
    after: Rows = {16 * number: ("a", 20) for number in range(1, 50_000)}
    after[16 * 12_345] = ("b", 70)
    diff = compare(before, after)
    assert diff.change.details == (
        TypeChange("a", 20 * 19_998, (20_000, 49_998), (2, 30_000), exact=False),
        TypeChange("b", 70, 1, 0, exact=True),
    )
    assert compare({}, after).change.allocated_nodes == 49_999
    assert compare(before, {}).change.freed_nodes == 30_000


@given(heaps, heaps, st.sets(st.sampled_from("abcdef")))
def test_what_came_is_what_has_no_survivor(before: Rows, after: Rows, labels: set[str]) -> None:
    came = snapshot(before).identity.came(snapshot(after).identity, labels)
    born = [at for at in sorted(after) if after[at][0] in labels and before.get(at, ("", 0))[0] != after[at][0]]
    assert list(came) == born
    passages, _ = snapshot(before).identity.compare(snapshot(after).identity)
    assert len(came) == sum(passages[label].allocated for label in labels if label in passages)


def test_an_immutable_of_another_size_came() -> None:
    before, after = snapshot({16: ("tuple", 40), 32: ("tuple", 40)}), snapshot({16: ("tuple", 56), 32: ("tuple", 40)})
    assert list(before.identity.came(after.identity, ["tuple"])) == [16]


def counted(rows: Rows) -> Snapshot:
    """The same without addresses."""
    return Snapshot(1.0, True, Counted(snapshot(rows).identity.totals, True, 0.0))


@given(heaps, heaps)
def test_counts_alone_give_intervals_that_hold_whatever_happened(before: Rows, after: Rows) -> None:
    known, guessed = compare(before, after), diff_snapshots(counted(before), counted(after))
    assert guessed.change.net_nodes == known.change.net_nodes
    assert guessed.change.size_bytes == known.change.size_bytes and guessed.grown == ()
    for row in guessed.change.details:
        found = next(it for it in known.change.details if it.what == row.what)
        assert (row.net, row.size_bytes) == (found.net, found.size_bytes)
        assert least(row.allocated) <= least(found.allocated) <= most(found.allocated) == most(row.allocated)
        assert row.exact == (least(row.allocated) == most(row.allocated))
