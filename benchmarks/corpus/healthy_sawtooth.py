"""Healthy alone: a batch grows for 20 seconds to 40 MiB and is written out, again and again."""

from __future__ import annotations

from steady import drive, text_of

batch: list[str] = []


def step(number: int) -> None:
    batch.append(text_of(number, 100_000))
    if len(batch) == 400:
        batch.clear()


if __name__ == "__main__":
    drive(step)
