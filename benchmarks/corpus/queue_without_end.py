"""Messages for a worker thread: 12 MiB a minute. The leak: it takes one of three.

Type: str or dict
Line: text_of(3 * number + n, 4_000)
Holder: .messages: queue.Queue
"""

from __future__ import annotations

import queue
import threading
from typing import Any

from steady import LEAKS, drive, text_of

messages: queue.Queue[dict[str, Any]] = queue.Queue()


def work() -> None:
    while True:
        messages.get()


def step(number: int) -> None:
    for n in range(3):
        messages.put({"number": number, "text": text_of(3 * number + n, 4_000)})
    if LEAKS:
        messages.get()


if __name__ == "__main__":
    if not LEAKS:
        threading.Thread(target=work, daemon=True).start()
    drive(step)
