"""A ring of 80 MB from np.zeros at the start; the system gives its pages as they are written: 19 MiB a minute.

The leak: each row is kept as an array of its own.

Type: numpy.ndarray
Line: np.full(
Holder: .rows: list
"""

from __future__ import annotations

from typing import Any

import numpy as np
from steady import LEAKS, drive

ROWS, WIDTH = 5_000, 16_000
ring = np.zeros((ROWS, WIDTH), dtype=np.uint8)
rows: list[Any] = []


def step(number: int) -> None:
    row = np.full(WIDTH, 1 + number % 255, dtype=np.uint8)
    if LEAKS:
        rows.append(row)
    else:
        ring[number % ROWS] = row


if __name__ == "__main__":
    drive(step)
