"""How much time has the program had to work in? Where a machine becomes busier all that a program does comes more
seldom by the clock, and a leak as well.

A program that sleeps in between makes up for what it waits. One that wants a processor all the time, and gets a half of
one, does half as much: for that one only the time counts in which it ran.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable

from ..backend.meters.waiting import read_waited
from ..clock import Clock
from ..internal import internal

_ALWAYS = 0.9  # of the time it ran or was ready to run
_LEAST = 1.0  # seconds between two readings
_MOST = 64  # readings


@internal
class OwnTime:
    """Seconds of work by moments of the steady clock: the time that has gone by, without what the program waited for a
    processor where it had no other time to make up for that. *read* tells what it has waited by now."""

    def __init__(self, read: Callable[[], float | None] = read_waited) -> None:
        self._read = read
        self._points = list[tuple[int, float]]()
        self._ran = 0.0
        self._waited: float | None = None

    def note(self) -> float:
        """Read what is known by now, and give the seconds of work by now."""
        now = Clock.monotonic_ns()
        before, own = self._points[-1] if self._points else (now, 0.0)
        seconds = (now - before) / 1e9
        if self._points and seconds < _LEAST:
            return self.at(now)
        ran, waited = Clock.process_time() - Clock.thread_time(), self._read()  # this thread is memwatch's
        self._points.append((now, own + seconds * self._part(seconds, ran, waited)))
        self._ran, self._waited = ran, waited
        if len(self._points) > _MOST:
            del self._points[1:-1:2]
        return self._points[-1][1]

    def at(self, moment: int) -> float:
        """The seconds of work by *moment*, in nanoseconds of the steady clock; before the first reading it went on as
        after it."""
        if len(self._points) < 2:
            return (moment - self._points[0][0]) / 1e9 if self._points else moment / 1e9
        place = min(max(bisect(self._points, (moment, 0.0)), 1), len(self._points) - 1)
        (begin, first), (end, last) = self._points[place - 1], self._points[place]
        return first + (last - first) * (moment - begin) / (end - begin)

    def _part(self, seconds: float, ran: float, waited: float | None) -> float:
        """The part of the last *seconds* in which a program that has run and waited for so long by now could work."""
        if waited is None or self._waited is None:
            return 1.0
        ran, waited = ran - self._ran, waited - self._waited
        return ran / (ran + waited) if min(ran, waited) > 0 and ran + waited >= _ALWAYS * seconds else 1.0
