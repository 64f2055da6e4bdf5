"""A message bus that every request subscribes to: 12 MiB a minute. The leak: nobody unsubscribes.

Type: str or function
Line: text_of(number, 10_000)
Holder: .subscribers: list
"""

from __future__ import annotations

from collections.abc import Callable

from steady import LEAKS, drive, text_of


class Bus:
    def __init__(self) -> None:
        self.subscribers: list[Callable[[str], int]] = []

    def publish(self, message: str) -> int:
        return sum(subscriber(message) for subscriber in self.subscribers[-3:])


bus = Bus()


def handle(number: int) -> None:
    page = text_of(number, 10_000)

    def count(message: str) -> int:
        return len(message) + len(page)

    bus.subscribers.append(count)
    bus.publish("changed")
    if not LEAKS:
        bus.subscribers.remove(count)


if __name__ == "__main__":
    drive(handle)
