"""Receivers of a blinker signal: 12 MiB a minute. The leak: connected for each request, strongly, and never
disconnected.

Type: str or function
Line: text_of(number, 10_000)
Holder: .receivers: dict
"""

from __future__ import annotations

import blinker
from steady import LEAKS, drive, text_of

saved = blinker.Signal()


def step(number: int) -> None:
    page = text_of(number, 10_000)

    def note(sender: object) -> int:
        return len(page)

    saved.connect(note, weak=not LEAKS)


if __name__ == "__main__":
    drive(step)
