"""A cache that the caller keeps, and a function that gets it with its bound as arguments: 9 MiB a minute, 5 minutes.

The leak: the function that only puts things in.

Type: str or dict
Line: text_of(number
Holder: .sessions: collections.OrderedDict
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from steady import LEAKS, drive, text_of

Sessions = OrderedDict[int, dict[str, Any]]
sessions: Sessions = OrderedDict()


def make_session(number: int) -> dict[str, Any]:
    return {"user": number, "basket": [text_of(number, 3_500), text_of(-number, 3_500)]}


if LEAKS:

    def remember(cache: Sessions, key: int, value: dict[str, Any]) -> None:
        cache[key] = value

    def step(number: int) -> None:
        remember(sessions, number, make_session(number))

else:

    def remember_recent(cache: Sessions, key: int, value: dict[str, Any], most: int) -> None:
        cache[key] = value
        while len(cache) > most:
            cache.popitem(last=False)

    def step(number: int) -> None:
        remember_recent(sessions, number, make_session(number), most=6_000)


if __name__ == "__main__":
    drive(step)
