"""The last 1,200 frames of a camera, in slots that are used in turn: 37 MiB a minute, full after 2 minutes.

The leak: frames are appended.

Type: numpy.ndarray
Line: np.full(
Holder: .frames: list
"""

from __future__ import annotations

from typing import Any

import numpy as np
from steady import LEAKS, drive

SLOTS = 1_200
frames: list[Any] = [] if LEAKS else [None] * SLOTS


def step(number: int) -> None:
    if number % 2:
        return
    frame = np.full((180, 360), number % 256, dtype=np.uint8)
    if LEAKS:
        frames.append(frame)
    else:
        frames[number // 2 % SLOTS] = frame


if __name__ == "__main__":
    drive(step)
