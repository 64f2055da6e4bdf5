"""Healthy alone: requests come in bursts of any size, and each is answered within two seconds."""

from __future__ import annotations

import random
from collections import deque

from steady import drive, text_of

open_requests: deque[tuple[int, str]] = deque()
chance = random.Random(7)


def step(number: int) -> None:
    for n in range(int(chance.paretovariate(1.3))):
        open_requests.append((number, text_of(n, 5_000)))
    while open_requests and open_requests[0][0] < number - 40:
        open_requests.popleft()


if __name__ == "__main__":
    drive(step)
