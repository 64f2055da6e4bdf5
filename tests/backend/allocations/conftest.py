"""What the tests of the sampler share: it is off before and after each, and what it has is shown as rows."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import expm1
from typing import Any

import pytest

from memwatch.retain.search import IN_C

if not IN_C:
    collect_ignore_glob = ["test_*.py"]
else:
    from memwatch.backend import _native


@dataclass(frozen=True)
class Row:
    """A live sample. `path` has (function, file, line, column), innermost first."""

    size: int
    interval: float
    thread: int
    path: tuple[tuple[str, str, int, int], ...]
    known: bool

    @property
    def weight(self) -> float:
        return -1 / expm1(-self.size / self.interval)

    @property
    def functions(self) -> list[str]:
        return [frame[0] for frame in self.path]


def read() -> list[Row]:
    codes, places, steps, ends, _, sizes, _, intervals, threads, stacks, _, _, _ = _native.sampling_read()
    numbers, path, limits = array("I", places), array("I", steps), [0, *array("I", ends)]
    frames = [
        (*codes[code][:2], line, column)
        for code, line, column in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    ]
    rows = zip(array("Q", sizes), array("f", intervals), array("I", threads), array("I", stacks), strict=True)
    return [
        Row(
            size,
            interval,
            thread,
            tuple(frames[step] for step in path[limits[stack - 1] & 0x7FFFFFFF : limits[stack] & 0x7FFFFFFF])
            if stack
            else (),
            stack != 0,
        )
        for size, interval, thread, stack in rows
    ]


@pytest.fixture
def live() -> Callable[..., list[Row]]:
    """The live samples that a function of this name has anything to do with; all without one."""

    def look(function: str = "") -> list[Row]:
        return [row for row in read() if not function or function in row.functions]

    return look


@pytest.fixture
def estimate(live: Callable[..., list[Row]]) -> Callable[..., tuple[float, float]]:
    """Bytes that the function's live samples stand for, and the standard error of that."""

    def total(function: str, least: int = 0) -> tuple[float, float]:
        rows = [row for row in live(function) if row.size >= least]
        variance = sum(row.size**2 * row.weight * (row.weight - 1) for row in rows)
        return sum(row.size * row.weight for row in rows), variance**0.5

    return total


@pytest.fixture
def start() -> Callable[..., None]:
    def begin(interval: float = 512.0, depth: int = 64, most: int = 65536) -> None:
        _native.sampling_start(interval, depth, most)

    return begin


@pytest.fixture
def program() -> Callable[..., list[str]]:
    """The lines that a fresh interpreter prints; it must succeed and complain of nothing."""

    def run(code: str, *flags: str, timeout: float = 120.0, **variables: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, *flags, "-c", textwrap.dedent(code)],
            capture_output=True,
            text=True,
            env={**os.environ, **variables},
            timeout=timeout,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    return run


@pytest.fixture(autouse=True)
def _nothing_is_sampled() -> Iterator[Any]:
    assert not _native.sampling_running(), "these tests need the sampler for themselves"
    yield
    _native.sampling_fail_after(-1)
    _native.sampling_stop()
