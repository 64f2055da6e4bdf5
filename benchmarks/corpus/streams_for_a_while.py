"""Streams of 30 s in a list that is filtered at every step, more and more of them for two minutes: up to 24 MiB.

The leak: those that are over stay in the list.

Type: Stream or str or list
Line: text_of(
Holder: .server .streams: list
"""

from __future__ import annotations

import time

from steady import LEAKS, drive, text_of

LIFE = 30.0  # seconds
RISES = 2400  # steps


class Stream:
    """What one client is sent until it is over."""

    def __init__(self, number: int) -> None:
        self.until = time.monotonic() + LIFE
        self.chunks = [text_of(number, 20_000)]


class Server:
    """Has the streams that are not over."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []

    def open(self, number: int) -> None:
        self.streams.append(Stream(number))

    def sweep(self) -> None:
        now = time.monotonic()
        self.streams = [it for it in self.streams if it.until > now]


server = Server()


def step(number: int) -> None:
    share = min(1.0, number / RISES)
    for _ in range(int(2 * (number + 1) * share) - int(2 * number * share)):
        server.open(number)
    if not LEAKS:
        server.sweep()


if __name__ == "__main__":
    drive(step)
