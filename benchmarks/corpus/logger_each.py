"""A logger for each request: 12 MiB a minute. The leak: logging keeps every logger by its name.

Type: logging.Logger
Line: getLogger(
Holder: .loggerDict: dict
"""

from __future__ import annotations

import logging

from steady import LEAKS, drive


def step(number: int) -> None:
    for n in range(12):
        name = f"shop.request.{12 * number + n}" if LEAKS else "shop.request"
        logging.getLogger(name).debug("handled")


if __name__ == "__main__":
    drive(step)
