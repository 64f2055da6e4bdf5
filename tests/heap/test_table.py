"""The table of a diff, as text to the letter."""

from __future__ import annotations

import pytest

from memwatch.errors import OptionError
from memwatch.heap import Change, Diff, HeapState, TypeChange

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
            "in 16 s           objects  allocated  freed  grown     growth",
            "app.Session       +10,000    10,000      0       0  +1.07 MiB",
            "list                   +1        12+    11+      3  +83.2 KiB",
            "str                   -33         7+    40+      0  -2.00 KiB",
            "app.models.Order       +2         2      0       0      +96 B",
            "dict                   +0         5      5       0       +0 B",
            "total              +9,970    10,026+    56+      3  +1.15 MiB",
            "n+: at least n; where an address was used again by the same type, the two cannot be told apart",
        )
    )


def test_the_rest_is_one_line_so_that_the_sums_hold() -> None:
    assert diff(*ROWS).table(top=2) == "\n".join(
        (
            "in 16 s        objects  allocated  freed  grown     growth",
            "app.Session    +10,000    10,000      0       0  +1.07 MiB",
            "list                +1        12+    11+      3  +83.2 KiB",
            "3 other types      -31        14+    45+      0  -1.91 KiB",
            "total           +9,970    10,026+    56+      3  +1.15 MiB",
            "n+: at least n; where an address was used again by the same type, the two cannot be told apart",
        )
    )


def test_small_rows_go_into_the_rest_and_no_footnote_where_all_is_exact() -> None:
    assert diff(ROWS[0], ROWS[3]).table(min_bytes=1000) == "\n".join(
        (
            "in 16 s       objects  allocated  freed  grown     growth",
            "app.Session   +10,000    10,000      0       0  +1.07 MiB",
            "1 other type       +2         2      0       0      +96 B",
            "total         +10,002    10,002      0       0  +1.07 MiB",
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
