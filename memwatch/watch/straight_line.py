"""A straight line through readings, by least squares: how steep it is, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from ..internal import internal


@internal
class Line(NamedTuple):
    """It passes the point (`x`, `y`) in the middle of the readings. `slope` is in their unit by that of x, `error` its
    standard error; `squares` is the sum of the squared distances that are left."""

    x: float
    y: float
    slope: float
    error: float
    squares: float

    def at(self, x: float) -> float:
        """Its height there."""
        return self.y + self.slope * (x - self.x)


def fit_line(points: Sequence[tuple[float, float]]) -> Line:
    """The line through three *points* (x, y) or more, at different x."""
    middle, mean = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
    width = sum((x - middle) ** 2 for x, _ in points)
    slope = sum((x - middle) * (y - mean) for x, y in points) / width
    squares = sum((y - mean - slope * (x - middle)) ** 2 for x, y in points)
    return Line(middle, mean, slope, sqrt(squares / (len(points) - 2) / width), squares)
