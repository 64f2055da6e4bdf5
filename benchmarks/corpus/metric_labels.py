"""A counter for each user of a web site: 16 MiB a minute. The leak: the user's number is a label.

Type: Counter
Line: Counter(route, user)
Holder: .series: dict
"""

from __future__ import annotations

from steady import LEAKS, drive


class Counter:
    def __init__(self, route: str, user: int) -> None:
        self.route, self.user, self.hits = route, user, 0


class Metrics:
    def __init__(self) -> None:
        self.series: dict[tuple[str, int], Counter] = {}

    def hit(self, route: str, user: int) -> None:
        label = route, user if LEAKS else 0
        if label not in self.series:
            self.series[label] = Counter(route, user)
        self.series[label].hits += 1


metrics = Metrics()


def step(number: int) -> None:
    for n in range(40):
        metrics.hit("/orders", 40 * number + n + 100_000)


if __name__ == "__main__":
    drive(step)
