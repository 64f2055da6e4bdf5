"""The table of a diff, as text to the letter."""

from __future__ import annotations

import mmap

import pytest

import memwatch
from memwatch.errors import OptionError
from memwatch.heap import Census, Change, Count, Diff, HeapState, TypeChange, TypeCount, format_count

ROWS = (
    TypeChange("app.Session", 1_123_456, 10_000, 0, exact=True),
    TypeChange("list", 85_176, (12, 400), (11, 399), exact=False, grown=3, grown_bytes=85_000),
    TypeChange("str", -2_048, (470, 492), (503, 525), exact=False),
    TypeChange("app.models.Order", 96, 2, 0, exact=True),
    TypeChange("dict", 0, 5, 5, exact=True),
)


def diff(*rows: TypeChange) -> Diff:
    change = Change(sum(row.size_bytes for row in rows), 0, 0, rows)
    return Diff(HeapState(0, 0, 100.0), HeapState(0, 0, 116.2), change, ())


def test_all_rows() -> None:
    assert str(diff(*ROWS)) == "\n".join(
        (
            "in 16 s           objects       allocated      freed   grown     growth",
            "app.Session       +10,000          10,000          0       0  +1.07 MiB",
            "list                   +1              12+        11+      3  +83.2 KiB",
            "str                   -33        470..492   503..525       0  -2.00 KiB",
            "app.models.Order       +2               2          0       0      +96 B",
            "dict                   +0               5          5       0       +0 B",
            "total              +9,970  10,489..10,899        519+      3  +1.15 MiB",
            "n+: at least n; a..b: from a to b; where an address was used again by the same type, the two cannot be "
            "told apart",
        )
    )


def test_the_rest_is_one_line_so_that_the_sums_hold() -> None:
    assert diff(*ROWS[:2], *ROWS[3:]).table(top=2) == "\n".join(
        (
            "in 16 s        objects       allocated   freed   grown     growth",
            "app.Session    +10,000          10,000       0       0  +1.07 MiB",
            "list                +1              12+     11+      3  +83.2 KiB",
            "2 other types       +2               7       5       0      +96 B",
            "total          +10,003  10,019..10,407      16+      3  +1.15 MiB",
            "n+: at least n; a..b: from a to b; where an address was used again by the same type, the two cannot be "
            "told apart",
        )
    )


def test_small_rows_go_into_the_rest_and_no_footnote_where_all_is_exact() -> None:
    assert diff(ROWS[0], ROWS[3]).table(min_bytes=1000) == "\n".join(
        (
            "in 16 s       objects  allocated  freed  grown     growth",
            "app.Session   +10,000     10,000      0      0  +1.07 MiB",
            "1 other type       +2          2      0      0      +96 B",
            "total         +10,002     10,002      0      0  +1.07 MiB",
        )
    )


def test_no_change_is_one_line() -> None:
    assert str(diff()) == "in 16 s: no change"


def test_a_long_name_keeps_its_end() -> None:
    line = diff(TypeChange("a" * 80 + ".Order", 1, 1, 0, True)).table().splitlines()[1]
    assert line.startswith("..." + "a" * 51 + ".Order  ")


@pytest.mark.parametrize("options", [{"top": -1}, {"min_bytes": -1}])
def test_negative_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="0 or more"):
        diff().table(**options)


def test_pauses_and_what_is_missing_stand_below() -> None:
    looks = HeapState(0, 0, 100.0, 0.0004, 0.25), HeapState(0, 0, 116.2, 0.0932)
    table = Diff(*looks, Change(0, 0, 0, ()), (), ("no collection: too long",)).table()
    assert table.splitlines() == [
        "in 16 s: no change",
        "two looks, longest pause 93 ms, longest collection before one 250 ms",
        "missing: no collection: too long",
    ]


CENSUS = Census(
    1.0, True, (TypeCount("str", 26_102, 3_365_000), TypeCount("dict{id,name}", 10, 640), TypeCount("a.B", 1, 48))
)


def test_a_census() -> None:
    assert str(CENSUS) == "\n".join(
        (
            "type           objects      size",
            "str             26,102  3.21 MiB",
            "dict{id,name}       10     640 B",
            "a.B                  1      48 B",
            "total           26,113  3.21 MiB",
        )
    )
    assert CENSUS.table(top=1).splitlines()[2:] == [
        "2 other types       11     688 B",
        "total           26,113  3.21 MiB",
    ]
    assert CENSUS.table(min_bytes=100).splitlines()[3] == "1 other type         1      48 B"
    with pytest.raises(OptionError, match="0 or more"):
        CENSUS.table(top=-1)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (12_345, "12,345"), ((0, 10), "0..10"), ((0, 11), "0+"), ((480, 502), "480..502"), ((480, 529), "480+")],
)
def test_counts(count: Count, text: str) -> None:
    assert format_count(count) == text


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (100 << 20, 253 << 20, "process +153 MiB of resident memory, 153 MiB of it outside the objects above"),
        (100 << 20, 100 << 20, "process +0 B of resident memory"),
        (253 << 20, 100 << 20, "process -153 MiB of resident memory"),
        (0, 100 << 20, ""),
    ],
)
def test_what_the_process_took_beside_the_objects_is_told(before: int, after: int, line: str) -> None:
    states = [HeapState(0, 0, time, rss=rss) for time, rss in ((100.0, before), (116.2, after))]
    lines = Diff(states[0], states[1], Change(0, 0, 0, ()), ()).table().splitlines()
    assert lines[1:] == ([line] if line else [])


def test_objects_that_took_room_which_was_there_already_are_told() -> None:
    states = [HeapState(0, 0, time, rss=rss) for time, rss in ((100.0, 100 << 20), (116.2, 124 << 20))]
    told = Diff(states[0], states[1], Change(64 << 20, 0, 0, ()), ()).table()
    assert told.endswith(
        "+24.0 MiB of resident memory; 40.0 MiB of the objects above took room that the process had free"
    )


def test_buffers_of_a_mapping_are_in_what_the_process_took() -> None:
    with memwatch.HeapDiff() as heap_diff:
        kept = mmap.mmap(-1, 64 << 20)
        kept.write(b"x" * (64 << 20))
    grew = heap_diff.diff.after.rss - heap_diff.diff.before.rss
    assert grew - heap_diff.diff.change.size_bytes > 48 << 20
    kept.close()
