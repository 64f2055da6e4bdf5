"""What the programs of this folder share: which twin to be, and a step each 50 ms for `CASE_SECONDS`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

LEAKS = os.environ.get("CASE_VARIANT") == "leak"
SECONDS = float(os.environ.get("CASE_SECONDS", "600"))
EVERY = 0.05


def ticks() -> Iterator[int]:
    """0, 1, 2, … at their times, until the program's time is over."""
    begin, number = time.monotonic(), 0
    while time.monotonic() < begin + SECONDS:
        yield number
        number += 1
        time.sleep(max(0.0, begin + number * EVERY - time.monotonic()))


def drive(step: Callable[[int], object]) -> None:
    """Call *step* with the number of each tick."""
    for number in ticks():
        step(number)


def text_of(number: int, size: int) -> str:
    """A text of so many characters that no other number has."""
    return f"{number:012d} ".ljust(size, "x")
