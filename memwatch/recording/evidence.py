"""What the lives of one role show together: whether each of them leaks, how much growth is usual, when they settle.

These are pure functions: they take the shapes of lives, the newest first, and return values for the detector.

A warm-up grows in each life too, but it slows down. Over many lives of one length, the mean growth of the last part is
less than that of the part before; noise hardly moves that mean. Growth that is slower in longer lives is a warm-up as
well.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, median, stdev
from typing import NamedTuple

from ..internal import internal
from ..watch.life_curve import STEPS, age_of, make_curve
from ..watch.lives import SPANS, Leaky, Usual

BINS = 18
"""A life is divided into so many equal parts. The middle reading of each is kept."""


@internal
class Shape(NamedTuple):
    """What is kept of a life: its length, its curve (`watch.life_curve`), and its readings in `BINS` equal parts."""

    seconds: float
    points: tuple[int, ...]
    bins: tuple[int, ...]


LIVES = 12
"""How many of the last lives decide whether the role leaks."""

USUAL_LIVES = 30
"""How many of the last lives decide how much growth is usual."""

_FEWEST = 4  # lives that must have grown
_MOST_OF = 0.75  # of all
_PARTS = (6, 11, 16)  # the bins, two each, between which growth is measured: equal times, and no start-up
_SHORTEST = 15.0  # seconds
_FLOOR = 1 << 20  # bytes in the later part of a life
_SHARE = 0.015  # of the base: what rises with the day rises by less while a short life lasts
_ERRORS = 1.5
_FALL = 3  # growth must be so many times the deepest fall within it
_SAME = 3  # the slowest must grow at a third of the median at least
_SURE = 4.0  # the mean growth of the last part must be so many times its standard error
_STEADY, _SLOWING = 0.85, 0.7  # growth of the last part by that of the one before; load varies within a life
_AS_STEADY = 0.85  # the ratio above in the longer half of the lives must be so much of that in the shorter half
_LONGER = 1.2  # lives are compared by length if the longest is so many times the shortest
_FEWEST_USUAL = 10
_LONG = 6 * 3600.0  # seconds that lives must last before it is said when they settle
_SETTLED = 0.02  # of the base: a life has settled if it grows by less while its age trebles


def shape_of(readings: Sequence[tuple[float, int]]) -> Shape:
    """The shape of a life, from all of its *readings*: (age in seconds, bytes)."""
    seconds = readings[-1][0] if readings else 0.0
    parts: list[list[int]] = [[] for _ in range(BINS)]
    for age, value in readings:
        parts[min(BINS - 1, int(age / seconds * BINS)) if seconds else 0].append(value)
    bins, last = [], readings[0][1] if readings else 0
    for part in parts:
        last = round(median(part)) if part else last
        bins.append(last)
    return Shape(seconds, make_curve(readings), tuple(bins))


def leaky(lives: Sequence[Shape]) -> Leaky | None:
    """Whether the lives of a role leak: most of the last ones grew, at about one rate, and the older did not slow
    down.
    """
    last = [life for life in lives[:LIVES] if life.seconds >= _SHORTEST]
    grown = [found for life in last if (found := _growth(life)) is not None]
    if len(grown) < max(_FEWEST, _MOST_OF * len(last)):
        return None
    rates = [(first + second) / seconds for first, second, seconds in grown]
    if min(rates) < median(rates) / _SAME or not _is_steady(grown) or _slows_down(grown):
        return None
    lengths = sorted(life.seconds for life in last)
    return Leaky(len(grown), lengths[len(lengths) // 4], median(rates))


def usual(lives: Sequence[Shape]) -> Usual | None:
    """How much lives grow over each of `SPANS`, for the ages that at least ten lives have reached."""
    curves = [life.points for life in lives[:USUAL_LIVES]]
    longest = max(map(len, curves), default=0)
    growths = {
        span: tuple(
            _spread([it[index] - it[index - span] for it in curves if span <= index < len(it)])
            for index in range(longest)
        )
        for span in SPANS
    }
    known = any(it is not None for row in growths.values() for it in row)
    return Usual(len(curves), growths) if known else None


def settled(lives: Sequence[Shape]) -> float | None:
    """The age in seconds from which on ten lives, or half of them if that is more, hardly grew. None if not known.

    They must have been watched long enough after it for a daily cycle to show.
    """
    curves = [life.points for life in lives[:USUAL_LIVES]]
    needed = max(_FEWEST_USUAL, len(curves) // 2)
    lengths = sorted(map(len, curves), reverse=True)
    if len(lengths) < needed or age_of(lengths[needed - 1] - 1) < _LONG:
        return None
    index = last = lengths[needed - 1] - 1
    while index >= STEPS and all(_is_still(curve, index) for curve in curves):
        index -= 1
    return age_of(index) if index <= last - STEPS else None


def _is_still(curve: Sequence[int], index: int) -> bool:
    return index >= len(curve) or curve[index] - curve[index - STEPS] <= _SETTLED * curve[index - STEPS]


def _spread(growths: Sequence[int]) -> tuple[float, float, float] | None:
    if len(growths) < _FEWEST_USUAL:
        return None
    return fmean(growths), stdev(growths), float(max(growths))


def _growth(life: Shape) -> tuple[float, float, float] | None:
    """By how much a life grew in each of two equal spans of its later part, and the seconds of both together.

    None if it did not grow, or fell in between.
    """
    early, middle, late = (fmean(life.bins[first : first + 2]) for first in _PARTS)
    inner = life.bins[_PARTS[0] :]
    fall = max(max(inner[: place + 1]) - value for place, value in enumerate(inner))
    grew = late - early
    if grew < max(_FLOOR, _SHARE * early) or grew < _FALL * fall:
        return None
    return middle - early, late - middle, life.seconds * (_PARTS[2] - _PARTS[0]) / BINS


def _is_steady(grown: Sequence[tuple[float, float, float]]) -> bool:
    """Whether the mean growth of the last part keeps up with that of the part before, more than chance would
    explain.
    """
    firsts, seconds = [it[0] for it in grown], [it[1] for it in grown]
    ratio = sum(seconds) / sum(firsts)
    rests = [second - ratio * first for first, second in zip(firsts, seconds, strict=True)]
    error = sqrt(sum(it * it for it in rests) * len(rests) / (len(rests) - 1)) / sum(firsts)
    noise = stdev(seconds) / sqrt(len(seconds))
    is_far = fmean(seconds) >= _SURE * noise
    return is_far and ratio + error >= _STEADY and ratio - _ERRORS * error >= _SLOWING


def _slows_down(grown: Sequence[tuple[float, float, float]]) -> bool:
    """Whether the longer lives slowed down more than the shorter ones, as a warm-up does.

    Rates are not compared: a worker that lives for a number of requests lives longer if it gets fewer of them.
    """
    lives = sorted(grown, key=lambda it: it[2])
    half = len(lives) // 2
    if lives[-1][2] < _LONGER * lives[0][2]:
        return False
    shorter, longer = (sum(it[1] for it in part) / sum(it[0] for it in part) for part in (lives[:half], lives[-half:]))
    return longer < _AS_STEADY * shorter
