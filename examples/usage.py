"""What this process takes, over its life and since the last look, and a word when it takes too much.

python examples/usage.py
"""

from __future__ import annotations

import os
import threading
import time

import memwatch

reported = threading.Event()


@memwatch.on_threshold(rss=64 * 1024 * 1024)
def scale_up(crossing: object) -> None:
    print(f"too much: {crossing}")
    reported.set()


def main() -> None:
    print(memwatch.usage.lookup(os.getpid(), keep_history=True))
    ballast = b"x" * (64 * 1024 * 1024)
    time.sleep(0.5)
    now = memwatch.usage.lookup(os.getpid(), keep_history=True)
    print(f"{now.cpu:.1f} % of a core since then, {now.memory:,} bytes, {len(ballast):,} of them ballast")
    reported.wait(10)


if __name__ == "__main__":
    main()
