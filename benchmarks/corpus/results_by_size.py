"""A buffer of results that is bounded by their bytes, which it adds up: 25 MiB a minute, full after 2 minutes.

The leak: a buffer that forgets results when they are fetched alone, and nobody fetches them.

Type: bytes
Holder: .results .waiting: dict
"""

from __future__ import annotations

from steady import LEAKS, drive


class Results:
    """Keeps a result until it is fetched."""

    def __init__(self) -> None:
        self.waiting: dict[int, bytes] = {}

    def put(self, task: int, result: bytes) -> None:
        self.waiting[task] = result

    def fetch(self, task: int) -> bytes:
        return self.waiting.pop(task)


class BoundedResults(Results):
    """Forgets the oldest results when all together are too large."""

    def __init__(self, budget: int) -> None:
        super().__init__()
        self.budget = budget
        self.weight = 0

    def put(self, task: int, result: bytes) -> None:
        super().put(task, result)
        self.weight += len(result)
        while self.weight > self.budget:
            self.weight -= len(self.waiting.pop(next(iter(self.waiting))))


results = Results() if LEAKS else BoundedResults(50_000_000)


def step(number: int) -> None:
    results.put(number, number.to_bytes(4, "big") * 5_500)


if __name__ == "__main__":
    drive(step)
