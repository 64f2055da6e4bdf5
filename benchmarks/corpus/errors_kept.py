"""The last errors, for a status page: 12 MiB a minute. The leak: each holds its traceback, and that the
variables.

Type: ValueError or str
Line: text_of(number, 10_000)
Holder: .errors: list
"""

from __future__ import annotations

from steady import LEAKS, drive, text_of

errors: list[ValueError] = []


def parse(number: int) -> int:
    page = text_of(number, 10_000)
    return int(page[20:])


def step(number: int) -> None:
    try:
        parse(number)
    except ValueError as error:
        errors.append(error if LEAKS else error.with_traceback(None))
        if not LEAKS:
            del errors[:-100]


if __name__ == "__main__":
    drive(step)
