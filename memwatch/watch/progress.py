"""Does growth that was reported go on? By how long it has stood still now, and how long it ever did before.

Growth keeps up if it has won at least a quarter of what its rate promises, since the last point where it kept up. What
comes in bursts, waits for requests or hides under a sawtooth keeps up again after a while. How long that takes is
learned from the growth itself: it has stopped when it stands still for much longer.
"""

from __future__ import annotations

from ..internal import internal

SHARE = 0.25  # of the growth that was reported: less is none
_PATIENCE = 4  # times the longest it stood still before
_WINDOW = 0.125  # of the window of the growth: for that long it may stand still in any case


@internal
class Progress:
    """Follows growth of *rate* bytes a second from *value*, at the age *age* of the process in seconds."""

    __slots__ = ("_age", "_value", "longest", "rate")

    def __init__(self, age: float, value: float, rate: float) -> None:
        self._age = age
        self._value = value
        self.rate = rate
        self.longest = 0.0

    def add(self, age: float, value: float, fall: float) -> None:
        """Take in a reading. A fall by *fall* bytes says that the last point was in a burst: begin again below it."""
        won = value - self._value
        if won >= SHARE * self.rate * (age - self._age) or won <= -fall:
            self.longest = max(self.longest, age - self._age)
            self._age, self._value = age, value

    def still(self, age: float) -> float:
        """For how many seconds it has not kept up."""
        return age - self._age

    def has_stopped(self, age: float, window: float, least: float) -> bool:
        """Whether growth over *window* seconds is over; standing still for less than *least* seconds never is."""
        return self.still(age) >= max(_PATIENCE * self.longest, _WINDOW * window, least)
