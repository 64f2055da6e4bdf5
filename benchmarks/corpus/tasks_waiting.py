"""Tasks of asyncio that wait for an answer: 14 MiB a minute. The leak: the answer never comes, and nobody gives up.

Type: str or coroutine or _asyncio.Task
Line: text_of(number, 10_000)
Holder: .waiting: set
"""

from __future__ import annotations

import asyncio

from steady import EVERY, LEAKS, SECONDS, text_of

waiting: set[asyncio.Task[int]] = set()


async def ask(number: int, answered: asyncio.Event) -> int:
    question = text_of(number, 10_000)
    await answered.wait()
    return len(question)


async def main() -> None:
    loop, answered = asyncio.get_running_loop(), asyncio.Event()
    if not LEAKS:
        answered.set()
    begin, number = loop.time(), 0
    while loop.time() < begin + SECONDS:
        task = asyncio.create_task(ask(number, answered))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        number += 1
        await asyncio.sleep(max(0.0, begin + number * EVERY - loop.time()))


if __name__ == "__main__":
    asyncio.run(main())
