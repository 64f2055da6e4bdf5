"""Generators that read records: 12 MiB a minute. The leak: each is kept, suspended, for a client that is gone.

Type: str or generator
Line: text_of(number, 10_000)
Holder: .streams: dict
"""

from __future__ import annotations

from collections.abc import Iterator

from steady import LEAKS, drive, text_of

streams: dict[int, Iterator[str]] = {}


def read(number: int) -> Iterator[str]:
    page = text_of(number, 10_000)
    for place in range(0, len(page), 100):
        yield page[place : place + 100]


def step(number: int) -> None:
    streams[number] = read(number)
    next(streams[number])
    if not LEAKS:
        del streams[number]


if __name__ == "__main__":
    drive(step)
