"""The curve as lines of text."""

from __future__ import annotations

import time

import pytest

from memwatch.top.chart import chart

MIB = 1 << 20
NOON = time.mktime((2026, 11, 24, 12, 0, 0, 0, 0, -1))


def test_a_line_rises_from_the_least_to_the_most():
    points = [(NOON + second, (10 + second) * MIB) for second in range(61)]
    assert chart(points, 30 + len("70.0 MiB "), 3) == [
        "70.0 MiB                      ▁▁▂▃▄▄▅▆█",
        "                    ▁▂▂▃▄▅▆▆▇██████████",
        "10.0 MiB ▁▁▂▃▄▄▅▆▇▇████████████████████",
        "         12:00:00              12:01:00",
    ]


def test_the_lows_are_shown_and_gaps_keep_what_was_held():
    points = [(NOON, 9 * MIB), (NOON + 1, 1 * MIB), (NOON + 2, 9 * MIB), (NOON + 100, 9 * MIB)]
    rows = chart(points, 49, 2)
    assert rows[0] == "9.00 MiB  " + "█" * 39 and rows[1] == "1.00 MiB ▁" + "█" * 39


@pytest.mark.parametrize("width", [8, 20, 31, 32, 120])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_is_wider_than_it_may_be(width, unicode):
    points = [(NOON + 1000 * number, number % 7 * MIB + 3) for number in range(500)]
    lines = chart(points, width, 4, unicode)
    assert max(map(len, lines)) <= width
    assert unicode or "".join(lines).isascii()


def test_what_was_not_read_and_what_stands_still():
    assert chart([], 80, 4) == chart([(NOON, MIB)], 80, 4) == ["not read yet"]
    flat = chart([(NOON, MIB), (NOON, MIB), (NOON, MIB)], 80, 2)
    assert len(flat) == 3 and "▁" in flat[1]
    assert chart([(NOON, MIB), (NOON + 90000, MIB)], 80, 2)[-1].split() == ["24", "Nov", "12:00", "25", "Nov", "13:00"]
