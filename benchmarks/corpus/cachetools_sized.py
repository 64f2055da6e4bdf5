"""Thumbnails behind cachetools' LRUCache, whose bound is in bytes: 41 MiB a minute, full after 85 s. The leak: a dict.

Type: bytes
Line: to_bytes(4
Holder: .kept: dict
Healthy: .kept: cachetools.LRUCache
"""

from __future__ import annotations

from typing import Any

import cachetools
from steady import LEAKS, drive

kept: Any = {} if LEAKS else cachetools.LRUCache(maxsize=60 << 20, getsizeof=len)


@cachetools.cached(cache=kept)
def thumbnail(picture: int) -> bytes:
    return picture.to_bytes(4, "big") * 3_000


def step(number: int) -> None:
    for n in range(3):
        thumbnail(3 * number + n)


if __name__ == "__main__":
    drive(step)
