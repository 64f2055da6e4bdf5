"""Healthy alone: a configuration that is loaded anew each 15 seconds, each time a little larger or smaller."""

from __future__ import annotations

import random
from typing import Any

from steady import drive, text_of

chance = random.Random(11)
configuration: dict[str, Any] = {}


def step(number: int) -> None:
    if number % 300 == 0:
        rows = chance.randrange(20_000, 26_000)
        configuration["rows"] = [{"number": n, "text": text_of(n, 300)} for n in range(rows)]


if __name__ == "__main__":
    drive(step)
