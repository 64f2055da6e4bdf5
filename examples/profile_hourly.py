"""A profile every hour, from a program that works: each file opens in Chrome DevTools (Memory, Load profile).

python examples/profile_hourly.py [--interval SECONDS] [--count PROFILES]
"""

from __future__ import annotations

import argparse
import threading
import time

import memwatch

cache: dict[int, str] = {}


def write_profiles(interval: float, over: threading.Event) -> None:
    """Every *interval* seconds a file in the current directory, named by its time."""
    while not over.wait(interval):
        print(f"profile written to {memwatch.profile.write()}", flush=True)


def work(number: int) -> None:
    cache[number] = f"answer {number} " * 100
    time.sleep(0.001)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interval", type=float, default=3600.0, help="seconds between two profiles")
    parser.add_argument("--count", type=float, default=float("inf"), help="end after so many intervals")
    given = parser.parse_args()
    memwatch.profile.start()
    over = threading.Event()
    writer = threading.Thread(target=write_profiles, args=(given.interval, over), daemon=True)
    writer.start()
    end = time.monotonic() + given.interval * (given.count + 0.5)
    number = 0
    while time.monotonic() < end:
        work(number)
        number += 1
    over.set()
    writer.join()


if __name__ == "__main__":
    main()
