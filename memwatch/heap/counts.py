"""Counts that are exact or an interval: an int, or (lo, hi) where lo is sure and hi is possible."""

from __future__ import annotations

from collections.abc import Iterable

Count = int | tuple[int, int]

_NARROW = 10  # an interval is shown whole if it is no wider than this, or than a tenth of what is sure


def make_count(sure: int, doubtful: int) -> Count:
    """*sure*, or the interval up to *doubtful* more."""
    return (sure, sure + doubtful) if doubtful else sure


def least(count: Count) -> int:
    """What is sure."""
    return count if isinstance(count, int) else count[0]


def most(count: Count) -> int:
    """What is possible."""
    return count if isinstance(count, int) else count[1]


def add_counts(counts: Iterable[Count]) -> Count:
    """The sum; an int only where every one of *counts* is."""
    counts = list(counts)
    if all(isinstance(count, int) for count in counts):
        return sum(map(least, counts))
    return sum(map(least, counts)), sum(map(most, counts))


def is_narrow(count: Count) -> bool:
    """Whether an interval is narrow enough to be shown by both its ends."""
    return most(count) - least(count) <= max(_NARROW, least(count) // 10)


def count_to_json(count: Count) -> int | list[int]:
    """An int, or [lo, hi]."""
    return count if isinstance(count, int) else list(count)
