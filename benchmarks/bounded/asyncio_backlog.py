"""A producer that is faster than its consumer, between them asyncio.Queue(maxsize=5000): 15 MiB a minute, 3 minutes.

When it is full, the producer waits. The leak: no maxsize.

Holder: ._queue: deque
"""

from __future__ import annotations

import asyncio

from steady import LEAKS, text_of, ticks


async def produce(backlog: asyncio.Queue[str]) -> None:
    number = 0
    while True:
        for _ in range(4):
            await backlog.put(text_of(number, 6_500))
            number += 1
        await asyncio.sleep(0.05)


async def consume(backlog: asyncio.Queue[str]) -> None:
    for _ in ticks():  # its sleep stands for work that keeps the loop busy
        await asyncio.sleep(0)
        for _ in range(2):
            backlog.empty() or backlog.get_nowait()


async def main() -> None:
    backlog: asyncio.Queue[str] = asyncio.Queue(maxsize=0 if LEAKS else 5_000)
    producer = asyncio.create_task(produce(backlog))
    await consume(backlog)
    producer.cancel()


if __name__ == "__main__":
    asyncio.run(main())
