"""The first bytes of each page, as memoryviews: 14 MiB a minute. The leak: each view keeps its whole page.

Type: bytes or memoryview
Line: bytes(12_000)
Holder: .heads: list
"""

from __future__ import annotations

from steady import LEAKS, drive

heads: list[memoryview | bytes] = []


def step(number: int) -> None:
    page = number.to_bytes(8, "big") + bytes(12_000)
    head = memoryview(page)[:16]
    heads.append(head if LEAKS else bytes(head))


if __name__ == "__main__":
    drive(step)
