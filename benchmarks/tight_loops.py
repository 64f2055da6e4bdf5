"""The tightest loops there are, for `sampler.py`: in each, allocation is most of the work. TIGHT lists them by name."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Round = Callable[[], object]


def make_ints() -> Round:
    """Nothing but a new int each turn."""

    def work() -> object:
        for _ in range(1000, 21_000):
            pass
        return None

    return work


def make_instances() -> Round:
    """Small instances that die at once."""

    class Point:
        def __init__(self, x: int, y: int) -> None:
            self.x = x
            self.y = y

    def work() -> object:
        for number in range(3000):
            Point(number, 1)
        return None

    return work


def make_strings() -> Round:
    """Short strings, ten kept at a time."""

    def work() -> object:
        kept: deque[str] = deque(maxlen=10)
        for number in range(5000):
            kept.append("name " + chr(number))
        return kept

    return work


def make_lists() -> Round:
    """Lists that are held until the round ends."""
    return lambda: [[number] for number in range(4000)]


def make_append() -> Round:
    """A text of 600 KB that grows in place, by a letter at a time."""

    def work() -> object:
        text = "x" * 600_000
        for _ in range(3000):
            text += "y"
        return text

    return work


def make_arrays() -> Round:
    """numpy arrays of 8 KB, from the C library's allocator: a new one by each step of a sum."""
    import numpy

    values = numpy.arange(1000.0)

    def work() -> object:
        for _ in range(500):
            values * 2.0 + values
        return None

    return work


TIGHT: dict[str, Callable[[], Round]] = {
    "ints": make_ints,
    "instances": make_instances,
    "strings": make_strings,
    "lists": make_lists,
    "append in place": make_append,
    "numpy arrays": make_arrays,
}
