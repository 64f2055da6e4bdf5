"""SQLAlchemy's QueuePool with connections that buffer: ever more at once in rush hour, 200 at most: 10 MiB a minute.

The leak: connections that are never given back, and a pool that makes more without end.

Type: bytearray
Line: bytearray(b"x"
Holder: .borrowed: list
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.pool import QueuePool
from steady import LEAKS, drive


class Connection:
    """As a driver's: with a buffer of its own."""

    def __init__(self) -> None:
        self.received = bytearray(b"x" * 250_000)

    def rollback(self) -> None: ...

    def commit(self) -> None: ...

    def close(self) -> None: ...


pool = QueuePool(Connection, pool_size=200, max_overflow=-1 if LEAKS else 0)
borrowed: list[Any] = []


def step(number: int) -> None:
    """Once in 1.5 s one more request at the same time than ever before, until all connections are in use."""
    if LEAKS:
        if number % 30 == 0:
            borrowed.append(pool.connect())
        return
    together = [pool.connect() for _ in range(min(1 + number // 30, 200))]
    for connection in together:
        connection.close()


if __name__ == "__main__":
    drive(step)
