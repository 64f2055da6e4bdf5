"""A function behind functools.lru_cache: 10 MiB a minute, full after 4 minutes. The leak: maxsize=None.

Type: str
Line: text_of(item
Holder: .describe: functools.lru_cache
"""

from __future__ import annotations

import functools

from steady import LEAKS, drive, text_of


@functools.lru_cache(maxsize=None if LEAKS else 20_000)
def describe(item: int) -> str:
    return text_of(item, 2_000)


def step(number: int) -> None:
    for n in range(4):
        describe(4 * number + n)


if __name__ == "__main__":
    drive(step)
