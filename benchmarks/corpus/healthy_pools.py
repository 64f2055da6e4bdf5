"""Healthy alone: 60 buffers of any size that are lent and given back, each larger at times, and used again."""

from __future__ import annotations

import random

from steady import drive

chance = random.Random(13)
free: list[bytearray] = []
lent: list[bytearray] = []


def step(number: int) -> None:
    buffer = free.pop() if free else bytearray()
    size = min(200_000, int(10_000 * chance.paretovariate(1.5)))
    if len(buffer) < size:
        buffer.extend(bytes(size - len(buffer)))
    lent.append(buffer)
    if len(lent) > 40:
        free.append(lent.pop(chance.randrange(len(lent))))
    del free[20:]


if __name__ == "__main__":
    drive(step)
