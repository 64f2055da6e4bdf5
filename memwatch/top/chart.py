"""A curve as lines of text, in eighths of a character: how much was held, from its least to its most."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from ..units import format_bytes

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_PLAIN = " ........#"  # where a terminal knows no other characters
_NARROW = 32  # columns below which the labels stand above
_DAY = 86400.0

Points = Sequence[tuple[float, int]]


def chart(points: Points, width: int, height: int, unicode: bool = True) -> list[str]:
    """*points* are (epoch seconds, bytes), oldest first; *height* counts the lines of the curve itself.

    The least and the most stand beside it, or above it where that is too narrow; the times below.
    """
    if len(points) < 2:
        return ["not read yet"]
    least, most = min(held for _, held in points), max(held for _, held in points)
    labels = [format_bytes(most), *[""] * (height - 2), format_bytes(least)]
    if width < _NARROW:
        body = _rows(points, width, height, unicode)
        return [f"{labels[-1]} - {labels[0]}"[:width], *body, _times(points, width)]
    margin = max(map(len, labels))
    body = _rows(points, width - margin - 1, height, unicode)
    lines = [f"{label:>{margin}} {row}".rstrip() for label, row in zip(labels, body, strict=True)]
    return [*lines, " " * (margin + 1) + _times(points, width - margin - 1)]


def _rows(points: Points, width: int, height: int, unicode: bool) -> list[str]:
    columns = _columns(points, width)
    least, span = min(columns), max(columns) - min(columns) or 1
    marks, steps = _EIGHTHS if unicode else _PLAIN, 8 * height - 1
    levels = [1 + (held - least) * steps // span for held in columns]
    return [
        "".join(marks[max(0, min(8, level - 8 * row))] for level in levels).rstrip() for row in reversed(range(height))
    ]


def _columns(points: Points, width: int) -> list[int]:
    """What was held at the end of each of so many equal times: the reading before it, or at it."""
    times = [moment for moment, _ in points]
    start, step = times[0], (times[-1] - times[0]) / width
    edges = [start + number * step for number in range(width + 1)]
    places = [max(1, bisect_left(times, edge)) for edge in edges]
    found = []
    for number, (left, right) in enumerate(pairwise(places)):
        within = points[left:right] if number else points[: places[1]]
        found.append(min(held for _, held in within) if within else points[left - 1][1])
    found[-1] = points[-1][1]
    return found


def _times(points: Points, width: int) -> str:
    """The first and the last moment, by local time, at the ends of a line."""
    first, last = points[0][0], points[-1][0]
    form = "%H:%M:%S" if last - first < _DAY else "%d %b %H:%M"
    begin, end = (time.strftime(form, time.localtime(moment)) for moment in (first, last))
    return f"{begin}{end:>{width - len(begin)}}" if width > len(begin) + len(end) else end[:width]
