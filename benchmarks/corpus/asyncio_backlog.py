"""A producer that is faster than its consumer, between them asyncio.Queue(maxsize=5000): 15 MiB a minute, 3 minutes.

When it is full, the producer waits. The leak: no maxsize.

Type: str
Line: text_of(number
Holder: ._queue: deque
"""

from __future__ import annotations

import asyncio

from steady import EVERY, LEAKS, SECONDS, text_of


async def produce(backlog: asyncio.Queue[str]) -> None:
    number = 0
    while True:
        for _ in range(4):
            await backlog.put(text_of(number, 6_500))
            number += 1
        await asyncio.sleep(EVERY)


async def consume(backlog: asyncio.Queue[str]) -> None:
    while True:
        for _ in range(2):
            await backlog.get()
        await asyncio.sleep(EVERY)


async def main() -> None:
    backlog: asyncio.Queue[str] = asyncio.Queue(maxsize=0 if LEAKS else 5_000)
    tasks = [asyncio.create_task(work(backlog)) for work in (produce, consume)]
    await asyncio.wait(tasks, timeout=SECONDS)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
