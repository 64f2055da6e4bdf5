"""A report that computes its table once, by functools.cache on the method: 15 MiB a minute. The leak: the cache holds
every report.

Type: Report or list or int
Line: list(range
Holder: .table: functools.lru_cache
"""

from __future__ import annotations

import functools

from steady import LEAKS, drive


class Report:
    def __init__(self, number: int) -> None:
        self.rows = list(range(number * 1000, number * 1000 + 1500))

    @functools.cache  # noqa: B019 - this is the leak
    def table(self) -> int:
        return sum(self.rows)

    def total(self) -> int:
        return sum(self.rows)


def step(number: int) -> None:
    report = Report(number + 1000)
    report.table() if LEAKS else report.total()


if __name__ == "__main__":
    drive(step)
