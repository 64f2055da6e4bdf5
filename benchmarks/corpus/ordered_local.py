"""A cache made by hand in a local variable of the main loop, its bound another one: 12 MiB a minute, full in 3 minutes.

The leak: a loop without the bound.

Type: str
Line: text_of(number
Holder: local recent: collections.OrderedDict
"""

from __future__ import annotations

from collections import OrderedDict

from steady import LEAKS, text_of, ticks


def serve() -> None:
    recent: OrderedDict[int, str] = OrderedDict()
    for number in ticks():
        recent[number] = text_of(number, 10_000)


def serve_recent() -> None:
    recent: OrderedDict[int, str] = OrderedDict()
    most = 3_600
    for number in ticks():
        recent[number] = text_of(number, 10_000)
        if len(recent) > most:
            recent.popitem(last=False)


if __name__ == "__main__":
    serve() if LEAKS else serve_recent()
