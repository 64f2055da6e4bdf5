"""The last 30,000 readings in a deque that a function gets as an argument: 12 MiB a minute, full after 5 minutes.

The leak: no maxlen.

Type: str or dict
Line: text_of(5
Holder: deque
"""

from __future__ import annotations

from collections import deque
from typing import Any

from steady import LEAKS, text_of, ticks


def follow(window: deque[dict[str, Any]]) -> None:
    for number in ticks():
        for n in range(5):
            window.append({"number": 5 * number + n, "text": text_of(5 * number + n, 1_500)})


if __name__ == "__main__":
    follow(deque(maxlen=None if LEAKS else 30_000))
