"""A schema that makes a class for each kind of record: 20 MiB a minute. The leak: a registry keeps every class.

Type: type
Line: type(f"Row{number}"
Holder: .registry: dict
"""

from __future__ import annotations

from steady import LEAKS, drive

FIELDS = ("name", "price", "count", "place")
registry: dict[str, type] = {}


def make_row(number: int) -> type:
    made = type(f"Row{number}", (), {"fields": FIELDS, "number": number, "total": lambda self: number})
    if LEAKS:
        registry[made.__name__] = made
    return made


def step(number: int) -> None:
    for n in range(8):
        make_row(8 * number + n)()


if __name__ == "__main__":
    drive(step)
