"""The clocks that memwatch computes with, taken when it is imported: no fake time and no step of the clock reach it.

Libraries that fake the time for tests, such as freezegun, put their own functions in the place of those that they find
in modules. What a class holds they leave alone.
"""

from __future__ import annotations

import time

_SLEWED = 0.5  # seconds by which the wall clock may be adjusted without a step


class Clock:
    """Functions of `time`, in seconds; the wall clock is for display alone."""

    monotonic = time.monotonic
    monotonic_ns = time.monotonic_ns
    perf_counter = time.perf_counter
    process_time = time.process_time
    thread_time = time.thread_time
    wall = time.time


_OFFSET = Clock.wall() - Clock.monotonic()


def steady_epoch() -> float:
    """Seconds since the epoch by a clock that was right at the import and is never set since."""
    return Clock.monotonic() + _OFFSET


def to_wall(steady: float) -> float:
    """What the wall clock, as it is set now, says of a time of `steady_epoch`."""
    step = Clock.wall() - steady_epoch()
    return steady + step if abs(step) > _SLEWED else steady
