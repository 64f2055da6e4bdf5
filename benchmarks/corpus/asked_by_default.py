"""Orders by customer: 15 MiB a minute. The leak: a defaultdict makes a list for each customer that is asked for.

Type: list
Line: orders[customer]
Holder: .orders: collections.defaultdict
"""

from __future__ import annotations

from collections import defaultdict

from steady import LEAKS, drive

orders: defaultdict[int, list[int]] = defaultdict(list)


def count(customer: int) -> int:
    return len(orders[customer]) if LEAKS else len(orders.get(customer, ()))


def step(number: int) -> None:
    for n in range(80):
        count(80 * number + n + 100_000)


if __name__ == "__main__":
    drive(step)
