"""A closure that keeps what it does not need, collected ten times a second; memwatch says that it leaks and what grew.

    python examples/leaky_closure.py [--seconds 8]

`make_handler` returns a function for the sake of one short text. A second function beside it captures a big text, and
the first one refers to the second: so whoever keeps the handler keeps a cell, in it the other function, in its cell
the big text.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import memwatch

BIG = 256 * 1024

handlers: list[Callable[[], str]] = []


def make_handler(number: int) -> Callable[[], str]:
    """A handler that answers with a greeting and, unseen by its caller, holds 256 KiB."""
    big = f"{number:>{BIG}}"
    greeting = "Hello, World!"

    def inner() -> str:
        return big

    def handler() -> str:
        return greeting or inner()

    return handler


@memwatch.on("stats")
def print_base(stats: memwatch.Stats) -> None:
    print(f"base {stats.current_base / 2**20:6.2f} MiB")


memwatch.on("leak", print)


def main(seconds: float) -> None:
    with memwatch.HeapDiff() as heap_diff:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            handlers.append(make_handler(len(handlers)))
            if len(handlers) % 10 == 0:
                memwatch.gc()
            time.sleep(0.1)
    print(heap_diff.diff)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Leaks 2.5 MiB a second through a closure.")
    parser.add_argument("--seconds", type=float, default=8.0)
    main(parser.parse_args().seconds)
