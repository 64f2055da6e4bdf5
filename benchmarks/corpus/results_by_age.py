"""A buffer of results that expire after 4 minutes: 11 MiB a minute, as many go as come after that.

The leak: they never expire.

Type: str or tuple
Line: text_of(
Holder: .results .waiting: dict
"""

from __future__ import annotations

import time

from steady import LEAKS, drive, text_of


class Results:
    """Keeps every result."""

    def __init__(self) -> None:
        self.waiting: dict[int, tuple[float, str]] = {}

    def put(self, task: int, result: str) -> None:
        self.waiting[task] = (time.monotonic(), result)


class ExpiringResults(Results):
    """Keeps a result for so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def put(self, task: int, result: str) -> None:
        super().put(task, result)
        while self.waiting:
            oldest = next(iter(self.waiting))
            if self.waiting[oldest][0] > time.monotonic() - self.seconds:
                break
            del self.waiting[oldest]


results = Results() if LEAKS else ExpiringResults(240.0)


def step(number: int) -> None:
    results.put(number, text_of(number, 9_000))


if __name__ == "__main__":
    drive(step)
