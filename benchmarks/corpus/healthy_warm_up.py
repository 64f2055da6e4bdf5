"""Healthy alone: a table of 30 MiB is read in the first 40 seconds and kept, by 40 KiB a step; then nothing comes."""

from __future__ import annotations

from steady import drive, text_of

table: list[str] = []


def step(number: int) -> None:
    if number < 800:
        table.append(text_of(number, 40_000))


if __name__ == "__main__":
    drive(step)
