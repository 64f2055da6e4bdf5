"""The memory side of a disk cache, zict's Buffer as dask uses it: 18 MiB a minute, full after 2 minutes, then to disk.

The leak: no bound on what stays in memory (and nothing is evicted to disk).

Type: bytes
Line: to_bytes(8
Holder: .tiles: zict.buffer.Buffer .fast: zict.lru.LRU .d: dict
"""

from __future__ import annotations

import math
import tempfile

import zict
from steady import LEAKS, drive


def weight(_: str, value: bytes) -> float:
    return len(value)


def make(folder: str) -> zict.Buffer[str, bytes]:
    return zict.Buffer({}, zict.File(folder), n=math.inf if LEAKS else 40 << 20, weight=weight)


def step(number: int) -> None:
    for n in (2 * number, 2 * number + 1):
        tiles[f"tile-{n}"] = n.to_bytes(8, "big") * 1_000


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        tiles = make(folder)
        drive(step)
