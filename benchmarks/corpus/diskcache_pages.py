"""diskcache: answers in SQLite, whose cache of pages is native memory: up to 32 MiB, full after two minutes or three.

The leak: the cache is opened for every request and kept, each with pages of its own.

Holder: .opened: list
"""

from __future__ import annotations

import tempfile

import diskcache
from steady import LEAKS, drive, text_of

opened: list[diskcache.Cache] = []


def step(number: int) -> None:
    cache = shared if not LEAKS else diskcache.Cache(folder)
    for n in range(3):
        cache[3 * number + n] = text_of(3 * number + n, 4_000)
    if LEAKS:
        opened.append(cache)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        shared = diskcache.Cache(folder)
        drive(step)
