"""Keeps the readings and the events of this process for charts: more than the watcher keeps, in bounded memory.

Keeping begins with the first `keep_curve`. Until then there is only the watcher's own history.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from .. import default, signals
from ..clock import Clock, to_wall
from ..errors import OptionError
from ..internal import internal, never_count
from ..units import format_growth
from ..watch import Leak, Sample, Suspicion, Watcher
from .status import no_growth

MOST = 20_000
"""How many readings are kept. When there are more, every second one is dropped."""

_MOST_EVENTS = 100
_MOST_LEAKS = 5  # leaks whose reports are kept
_NAMES = ("time", "base", "rss", "full")


@internal
class Event(NamedTuple):
    """An event: what it was, when it came in epoch seconds, and the number of the leak, 0 if it was none."""

    time: float
    kind: str
    text: str
    leak: int = 0


@internal
class Curve:
    """Up to *most* readings with their times, and the last events. Its methods are receivers of the signals."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._columns: tuple[array[Any], ...] = (array("d"), *(array("q") for _ in range(3)))
        self._stride, self._seen = 1, 0
        self._events: deque[Event] = deque(maxlen=_MOST_EVENTS)
        self._leaks: deque[tuple[int, Leak]] = deque(maxlen=_MOST_LEAKS)
        self._reported = 0

    def at_tick(self, sender: object, tick: Sample) -> None:
        """Keep one more reading."""
        if self._seen % self._stride == 0:
            for column, value in zip(self._columns, _row(tick), strict=True):
                column.append(value)
            if len(self._columns[0]) > self._most:
                self._stride *= 2
                for column in self._columns:
                    column[:] = column[::2]
        self._seen += 1

    def suspected(self, sender: object, suspect: Suspicion) -> None:
        """Receiver of "suspect"."""
        text = format_growth(suspect.growth, (suspect.end - suspect.start).total_seconds())
        self._events.append(Event(suspect.end.timestamp(), "suspect", text))

    def leaked(self, sender: object, leak: Leak) -> None:
        """Receiver of "leak"."""
        self._reported += 1
        self._leaks.append((self._reported, leak))
        self._events.append(_event_of(leak, self._reported))

    def recovered(self, sender: object, recovered: Leak) -> None:
        """Receiver of "recovered"."""
        self._events.append(Event(Clock.wall(), "recovered", _text_of(recovered)))

    def since(self, time: float) -> dict[str, Any]:
        """The readings after *time*, in epoch seconds, by column, and all events."""
        times, *others = self._columns
        first = bisect_right(times, time)
        rows = [[math.ceil(it * 1000) / 1000 for it in times[first:]], *(column[first:].tolist() for column in others)]
        return {**dict(zip(_NAMES, rows, strict=True)), "events": [it._asdict() for it in self._events]}

    def leak(self, number: int) -> Leak | None:
        """The leak with that number, None if it is not kept any more."""
        return next((leak for told, leak in self._leaks if told == number), None)

    def begin(self, samples: Iterable[Sample], leaks: Iterable[Leak]) -> None:
        """Add the watcher's earlier readings."""
        for sample in samples:
            self.at_tick(None, sample)
        for leak in leaks:
            self.leaked(None, leak)


_kept: list[Curve] = []
never_count(_kept)


def keep_curve() -> Curve:
    """Keep the readings and events of this process from now on. Further calls change nothing."""
    if not _kept:
        _kept.append(curve := _made_now(default.watcher()))
        signals.tick.connect(curve.at_tick, weak=False)
        signals.suspect.connect(curve.suspected, weak=False)
        signals.leak.connect(curve.leaked, weak=False)
        signals.recovered.connect(curve.recovered, weak=False)
    return _kept[0]


def end_curve() -> None:
    """Stop keeping readings and events."""
    for curve in _kept:
        signals.tick.disconnect(curve.at_tick)
        signals.suspect.disconnect(curve.suspected)
        signals.leak.disconnect(curve.leaked)
        signals.recovered.disconnect(curve.recovered)
    _kept.clear()


def curve_of(watcher: Watcher) -> Curve:
    """The curve that is kept, or else one of *watcher*'s own history."""
    return _kept[0] if _kept else _made_now(watcher)


def find_leak(watcher: Watcher, number: int) -> Leak:
    """The leak to which `curve_of` gave that *number*. Raises OptionError if it is unknown."""
    found = curve_of(watcher).leak(number)
    if found is None:
        raise OptionError(f"there is no leak {number}, or its report is not kept any more")
    return found


def _made_now(watcher: Watcher | None) -> Curve:
    made = Curve()
    if watcher is not None:
        made.begin(watcher.candidate(no_growth()).samples, watcher.status.leaks)
    return made


def _row(sample: Sample) -> tuple[float, int, int, int]:
    return to_wall(sample.time), sample.base, sample.rss, sample.full


def _event_of(leak: Leak, number: int) -> Event:
    return Event(leak.end.timestamp(), "leak", _text_of(leak), number)


def _text_of(leak: Leak) -> str:
    """The subject of a leak, as far as that is known, and how many bytes it is."""
    grown = format_growth(leak.growth, (leak.end - leak.start).total_seconds())
    subject = str(leak.report.to_dict().get("subject", ""))
    return f"{subject}: {grown}" if subject else grown
