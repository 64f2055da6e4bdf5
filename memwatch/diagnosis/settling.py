"""Do new objects come more and more slowly? As keys do of which there are so many, or a start-up that fills a table.

What leaks comes as often as the work that leaks it. The meters may rise evenly even so, because what is there grows as
well: so the objects are counted. A verdict after one that waited has few looks of its own: it knows how many items the
holder had then. And what lives was sampled when it came: that tells how often it came long before the suspicion, also
of few large objects. All times are the program's own: by the clock a leak slows down, too, where others need the
machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from ..backend.meters.meters import counted_bytes
from ..heap import FEWEST, TypeSeries
from ..internal import internal
from ..retain import Holding
from .benign_growth import bytes_of
from .pinned import strong_of
from .verdict import HALF

_SEVERAL = 50  # objects: of fewer the flow is not known
_ALIKE = 0.1
_SLOWER = 0.8  # of the flow before
_MOST = 3  # times in a row: each is twice as long as the one before
_BIRTHS = 12  # samples; fewer may be so by chance
_ERRORS = 2.0  # standard errors of the mean birth

Born = tuple[float, float]
"""When something came, in seconds of the program's own time, and its bytes."""


@internal
class _Filled(NamedTuple):
    """How many items the holder at the end of *path* had at a verdict, and how many came a second by then."""

    path: str
    time: float
    items: int
    speed: float


@internal
class Settling:
    """Whether growth settles, from verdict to verdict: a reason to wait, but a few times in a row."""

    def __init__(self) -> None:
        self._waited = 0
        self._before: _Filled | None = None

    def why_wait(
        self,
        holdings: Sequence[Holding],
        series: TypeSeries,
        grew: int,
        now: float,
        seconds: float,
        born: Sequence[Born] = (),
    ) -> str | None:
        """In words, that what makes most of the *grew* bytes comes more and more slowly; None if it does not.

        The growth was suspected *seconds* before *now*, in the program's own time. *born* is what `come_slower` asks
        for, where there were too few objects or looks.
        """
        if self._waited >= _MOST:
            self._waited, self._before = 0, None
            return None
        why, filled = settles(holdings, series, grew), None
        top = _most_of(holdings, grew)
        if why is None and top is not None and not _flows(top, series) and come_slower(born):
            why = _in_words(top.frontier_type)
        if top is not None and top.holder_items is not None and seconds > 0:
            filled = _Filled(top.path.fingerprint, now, top.holder_items, _last_speed(top, series, seconds))
            if self._before and self._before.path == filled.path and now > self._before.time:
                came = (filled.items - self._before.items) / (now - self._before.time)
                why = why or (_in_words(top.frontier_type) if came < _SLOWER * self._before.speed else None)
                filled = filled._replace(speed=came)
        self._waited, self._before = (self._waited + 1, filled) if why else (0, None)
        return why


def _last_speed(top: Holding, series: TypeSeries, seconds: float) -> float:
    """How many items have come a second in the second half of the *seconds*: what was fast before is a start-up."""
    flow = min(1.0, flow_of(top, series))
    return top.targets / seconds * 2 * flow / (1 + flow)


def settles(holdings: Sequence[Holding], series: TypeSeries, grew: int) -> str | None:
    """In words, that what makes most of the *grew* bytes comes more and more slowly; None if it does not.

    That is what one holder gets, or objects of types that many hold.
    """
    top = _most_of(holdings, grew)
    if top is not None and flow_of(top, series) < _SLOWER:
        return _in_words(top.frontier_type)
    slow = [it for it in series.ratchets() if it.objects >= _SEVERAL and max(it.flow, it.steadiness) < _SLOWER]
    is_most = sum(counted_bytes(it.growth, it.objects) for it in slow) >= HALF * grew
    return _in_words(slow[0].what) if slow and is_most else None


def come_slower(born: Sequence[Born]) -> bool:
    """Whether less and less has come in the time from the first of *born* to the last, which are what lives of all that
    some lines have made.

    A start-up lies in the first sixth of it: what has come since then has a trend. If it lasts for longer, there is
    none in the last two thirds.
    """
    if len(born) < _BIRTHS:
        return False
    times = [time for time, _ in born]
    first, last = min(times), max(times)
    slows, is_certain = _trend(born, first + (last - first) / 6, last)
    return slows and is_certain and _trend(born, first + (last - first) / 3, last)[0]


def _trend(born: Sequence[Born], begin: float, end: float) -> tuple[bool, bool]:
    """Whether less of them came in the second half of the time, and whether that is no chance, by Laplace's test: the
    mean birth of what comes evenly is in the middle, within an error that the number of samples tells."""
    later, middle = [it for it in born if it[0] >= begin], (begin + end) / 2
    late = sum(size for time, size in later if time >= middle)
    error = (end - begin) * sqrt(sum(size * size for _, size in later) / 12)
    moved = sum((middle - time) * size for time, size in later)
    return late < _SLOWER * (sum(size for _, size in later) - late), moved > _ERRORS * error


def _most_of(holdings: Sequence[Holding], grew: int) -> Holding | None:
    """The holder of most of the growth, if there is one."""
    top = max(strong_of(holdings), key=bytes_of, default=None)
    return top if top is not None and bytes_of(top) >= HALF * grew else None


def _in_words(what: str) -> str:
    return f"new {what} objects come more and more slowly"


def flow_of(held: Holding, series: TypeSeries) -> float:
    """How fast items have come in the second half of the looks, as a part of the first; 1 where that is not known."""
    return max(_flows(held, series), default=1.0)


def _flows(held: Holding, series: TypeSeries) -> list[float]:
    """The same for each type that tells it, where there are enough objects and looks.

    Objects are counted where the growing number of them is that of the holder's; bytes where more came elsewhere.
    """
    return [
        it.flow if abs(it.objects - held.type_counts[it.what]) <= _ALIKE * it.objects else it.steadiness
        for it in series.ratchets()
        if it.objects >= _SEVERAL and it.readings >= FEWEST and it.what in _items_of(held)
    ]


def _items_of(held: Holding) -> set[str]:
    """The types that tell how many items came: a class of their own, else all of which each item has about one.

    Objects of a builtin type come elsewhere in the program as well.
    """
    if "." in held.frontier_type:
        return {held.frontier_type} & held.type_counts.keys()
    items = max(held.type_counts.values(), default=0) if held.targets == 1 else held.targets
    return {what for what, count in held.type_counts.items() if HALF * items <= count <= items / HALF}
