"""A series of readings at all time scales at once, each scale asked whether it rises for good.

Scale j holds the last 8 blocks of 2**j samples. Two blocks of one scale make one of the next: the lesser of the two
while blocks are short, because work in flight only ever adds to what a program holds; their mean above that, which
evens out noise. Storage is constant, a sample closes two blocks on average.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from struct import Struct
from typing import NamedTuple

from ..internal import internal
from .straight_line import Line, fit_line

BLOCKS = 8
RUNGS = 16

_FALLS = 1.5  # what fell back once will fall back again: new ground must be won by more than the deepest fall
_FORGET = 0.9995  # a fall counts for less with every block, or one burst would hide leaks for ever
_FINER = 3
_SPREAD = 4.5  # 7 for a straight line, m for m equal jumps
_STEADY = 0.9  # the second half must keep up with the first; start-ups and filling caches slow down
_INVERSIONS = 1  # of 28 pairs; for values in random order the chance is 2 in 10 000
_ERRORS = 4.5  # of a straight line's slope
_KEEPS = 0.8  # of the slope in the first half
_JUMP = 1.2  # times the squares that a line leaves are left by one jump
_NEVER = float("-inf")
_ORIGIN = Struct("ddq")


@internal
class Origin(NamedTuple):
    """The moment at which a block begins, and the number of imported modules then."""

    time: float
    clock: float
    modules: int

    def pack(self) -> bytes:
        """The same as bytes, which the collector does not see: scales keep many."""
        return _ORIGIN.pack(*self)


@internal
class Scale:
    """The last blocks of one length. `window` is the length of all 8, in seconds, `finer` the scale below."""

    __slots__ = ("_origins", "fall", "finer", "half", "half_origin", "high", "least", "passed", "values", "window")

    def __init__(self, window: float, least: bool, finer: Scale | None) -> None:
        self.window = window
        self.least = least
        self.finer = finer
        self.values: deque[float] = deque(maxlen=BLOCKS)
        self._origins: deque[bytes] = deque(maxlen=BLOCKS)
        self.passed = _NEVER
        self.high = _NEVER
        self.fall = 0.0
        self.half: float | None = None
        self.half_origin: bytes

    @property
    def growth(self) -> float:
        """From the first block to the last, in the unit of the series."""
        return self.values[-1] - self.values[0]

    @property
    def origin(self) -> Origin:
        """Where the first block begins."""
        return Origin(*_ORIGIN.unpack(self._origins[0]))

    def add(self, value: float, origin: bytes) -> None:
        """Take in the block that has just ended; remember the highest value before the window and the deepest fall."""
        values = self.values
        if len(values) == BLOCKS and values[0] > self.passed:
            self.passed = values[0]
        values.append(value)
        self._origins.append(origin)
        self.fall *= _FORGET
        drop = self.high - value
        if drop <= 0:
            self.high = value
        elif drop > self.fall:
            self.fall = drop

    @property
    def deepest_fall(self) -> float:
        """On this scale and the three below: a cycle about as long as a block moves the blocks only by a slow beat."""
        scale, fall = self.finer, self.fall
        for _ in range(_FINER):
            if scale is None:
                break
            fall = max(fall, scale.fall)
            scale = scale.finer
        return fall

    def rises(self, share: float, floor: float) -> bool:
        """Whether it grows by at least `share` of its start and `floor` bytes, steadily, to where it never was."""
        values = self.values
        if len(values) < BLOCKS:
            return False
        first, last = values[0], values[-1]
        growth = last - first
        if growth < floor or growth < share * first:
            return False
        if last - max(self.passed, first) < _FALLS * self.deepest_fall:
            return False
        middle = 0.5 * (values[BLOCKS // 2 - 1] + values[BLOCKS // 2])
        if last - middle < _STEADY * (middle - first):
            return False
        return _is_spread(list(values), growth) and _is_ordered(list(values))

    def is_straight(self, share: float, floor: float) -> bool:
        """Whether a straight line through the blocks grows by at least `share` of its start and `floor` bytes, to where
        they never were, far beyond its error: so much noise as hides this growth from `rises` leaves it its slope."""
        if len(self.values) < BLOCKS:
            return False
        line = self.line
        first, last = line.at(0), line.at(BLOCKS - 1)
        growth = last - first
        if growth < floor or growth < share * first or last < self.passed or line.slope < _ERRORS * line.error:
            return False
        return _keeps_on(list(self.values)) and _leaves_after_jump(list(self.values)) >= _JUMP * line.squares

    @property
    def line(self) -> Line:
        """The straight line through the blocks, by their number."""
        return fit_line(list(enumerate(self.values)))


def _is_spread(values: list[float], growth: float) -> bool:
    """Whether many steps share the growth: m equal ones and no other give m."""
    squares = sum((after - before) ** 2 for before, after in pairwise(values))
    return growth * growth >= _SPREAD * squares


def _is_ordered(values: list[float]) -> bool:
    """Whether at most one pair of values is out of order."""
    pairs = ((i, j) for j in range(1, len(values)) for i in range(j))
    return sum(values[j] <= values[i] for i, j in pairs) <= _INVERSIONS


def _keeps_on(values: list[float]) -> bool:
    """Whether it is not much flatter in the second half, as start-ups are."""
    first, second = (fit_line(list(enumerate(half))) for half in (values[: BLOCKS // 2], values[BLOCKS // 2 :]))
    return second.slope >= _KEEPS * first.slope


def _leaves_after_jump(values: list[float]) -> float:
    """The squared distances that are left of two levels with one jump between them, where that fits best."""
    splits = ((values[:k], values[k:]) for k in range(1, len(values)))
    return min(sum(_squares(part) for part in parts) for parts in splits)


def _squares(values: list[float]) -> float:
    """The squared distances from their mean."""
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values)


@internal
class ScaleStack:
    """All scales over one series. `age` counts its samples."""

    __slots__ = ("_scales", "age", "longest")

    def __init__(self, sample: float, group: float) -> None:
        self._scales: list[Scale] = []
        for j in range(RUNGS):
            finer = self._scales[-1] if self._scales else None
            self._scales.append(Scale(BLOCKS * sample * 2**j, sample * 2 ** (j + 1) <= group, finer))
        self.longest = self._scales[-1].window
        self.age = 0

    def push(self, value: float, origin: Origin) -> int:
        """Take in a sample; how many scales, from the shortest on, have closed a block with it."""
        self.age += 1
        closed, begin = 0, origin.pack()
        for scale in self._scales:
            scale.add(value, begin)
            closed += 1
            half = scale.half
            if half is None:
                scale.half, scale.half_origin = value, begin
                break
            scale.half, begin = None, scale.half_origin
            value = min(half, value) if scale.least else 0.5 * (half + value)
        return closed

    @property
    def whole(self) -> Scale | None:
        """The longest scale that has all its blocks."""
        return next((scale for scale in reversed(self._scales) if len(scale.values) == BLOCKS), None)

    def rising(self, closed: int, window: float, share: float, floor: float) -> list[Scale]:
        """Those of the first `closed` scales that rise and span at least `window` seconds, shortest first."""
        if self._scales[closed - 1].window < window:
            return []
        return [lv for lv in self._scales[:closed] if lv.window >= window and lv.rises(share, floor)]

    def straight(self, closed: int, window: float, share: float, floor: float) -> list[Scale]:
        """The same of those that a straight line fits."""
        return [lv for lv in self._scales[:closed] if lv.window >= window and lv.is_straight(share, floor)]
