"""A connection with weakref.finalize: 12 MiB a minute. The leak: the finalizer is given a method of the
connection, which so never dies.

Type: bytearray or Connection
Line: bytearray(10_000)
Holder: finalize
"""

from __future__ import annotations

import weakref

from steady import LEAKS, drive


def close(number: int) -> None:
    """Nothing is open."""


class Connection:
    def __init__(self, number: int) -> None:
        self.number, self.buffer = number, bytearray(10_000)
        if LEAKS:
            weakref.finalize(self, self.close)
        else:
            weakref.finalize(self, close, number)

    def close(self) -> None:
        close(self.number)


if __name__ == "__main__":
    drive(Connection)
