"""Estimates are right on average, whatever blocks do. Bounds are five standard errors and more."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from memwatch.backend import _native
from memwatch.backend.allocations import sampled

KEPT: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    yield
    KEPT.clear()


def fill(size: int, count: int) -> int:
    """Bytes of that many blocks."""
    KEPT.extend([bytes(size) for _ in range(count)])
    return count * sys.getsizeof(bytes(size))


def is_near(estimate: tuple[float, float], truth: float) -> bool:
    value, error = estimate
    return abs(value - truth) <= 5 * error + 0.001 * truth


@pytest.mark.parametrize("size", [1, 100, 440, 500, 512, 1000, 4000, 40_000, 400_000])
def test_blocks_of_any_size(start: Any, estimate: Any, size: int) -> None:
    start(4096.0)
    _native.sampling_seed(20 + size)
    truth = fill(size, max(50, 2_000_000 // (size + 33))) + sys.getsizeof(KEPT)  # a quarter of it where they are small
    assert is_near(estimate("fill", size), truth)


def test_what_is_freed_is_gone(start: Any, estimate: Any, live: Any) -> None:
    start(1024.0)
    truth = fill(300, 10_000)
    del KEPT[::2]
    assert is_near(estimate("fill", 300), truth / 2)
    KEPT.clear()
    assert [row for row in live("fill") if row.size > 300] == []


def test_seeded_samples_are_the_same_again(start: Any) -> None:
    found = []
    for _ in range(2):
        start(4096.0)
        _native.sampling_seed(7)
        for _ in range(300):
            bytes(1000)
        found.append(_native.sampling_stats()["taken"])
        _native.sampling_stop()
    assert found[0] == found[1] > 10


@pytest.mark.parametrize("steps", [(400, 600), (600, 400), (100, 200), (3000, 9000), (9000, 3000), (300, 5000, 200)])
def test_blocks_that_change_their_size_are_sampled_like_new_ones(start: Any, live: Any, steps: tuple[int, ...]) -> None:
    start(8192.0)
    _native.sampling_seed(sum(steps))
    resize(3000, steps)
    size = sys.getsizeof(KEPT[0]) - sys.getsizeof(bytearray())
    rows = [row for row in live("resize") if row.size >= 0.9 * size]
    estimate = sum(row.size * row.weight for row in rows)
    error = sum(row.size**2 * row.weight * (row.weight - 1) for row in rows) ** 0.5
    assert abs(estimate - 3000 * size) <= 5 * error + 0.03 * 3000 * size


def resize(count: int, steps: tuple[int, ...]) -> None:
    for _ in range(count):
        block = bytearray(steps[0])
        for step in steps[1:]:
            block.extend(bytes(step - len(block))) if step > len(block) else block.__delitem__(slice(step, None))
        KEPT.append(block)


@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="its malloc never grows a block in place")
def test_a_text_that_is_appended_to_takes_few_samples(start: Any) -> None:
    start(65536.0)
    text = "x" * 600_000
    before = _native.sampling_stats()["taken"]
    for _ in range(20_000):
        text += "y"
    assert _native.sampling_stats()["taken"] - before < 60


def test_lists_that_grow(start: Any, estimate: Any) -> None:
    start(2048.0)
    truth = 0
    for _ in range(200):
        truth += append(2000)
    assert is_near(estimate("append", 512), truth)


def append(count: int) -> int:
    made: list[None] = []
    for _ in range(count):
        made.append(None)
    KEPT.append(made)
    return sys.getsizeof(made) - sys.getsizeof([])


def test_the_interval_may_change_while_it_runs(start: Any, estimate: Any, live: Any) -> None:
    start(65536.0)
    truth = fill(300, 10_000)
    _native.sampling_set_interval(1024.0)
    truth += fill(300, 10_000)
    _native.sampling_set_interval(16384.0)
    truth += fill(300, 10_000)
    assert {row.interval for row in live("fill")} == {65536.0, 1024.0, 16384.0}
    assert is_near(estimate("fill", 300), truth)


def test_too_many_samples_are_thinned_and_the_interval_doubled(start: Any, estimate: Any) -> None:
    start(64.0, 64, 2000)
    truth = fill(300, 20_000)
    stats = _native.sampling_stats()
    assert stats["live"] <= 2000 and stats["interval"] >= 1024
    assert is_near(estimate("fill", 300), truth)


@pytest.mark.parametrize("interval", [1.0, 1e12])
def test_intervals_from_a_byte_to_a_terabyte(start: Any, live: Any, interval: float) -> None:
    start(interval)
    fill(300, 1000)
    assert len([row for row in live("fill") if row.size == 333]) == (1000 if interval == 1 else 0)


def test_a_start_after_a_wide_interval_is_not_held_up(start: Any, live: Any) -> None:
    start(1e12)
    fill(300, 1000)
    _native.sampling_stop()
    start(512.0)
    fill(300, 1000)
    assert len(live("fill")) > 100


def test_taken_are_about_as_many_as_expected(start: Any) -> None:
    start(4096.0)
    before = _native.sampling_stats()
    fill(100, 30_000)
    after = _native.sampling_stats()
    taken, expected = after["taken"] - before["taken"], after["expected"] - before["expected"]
    assert expected > 900 and abs(taken - expected) < 5 * expected**0.5 + 2


def test_whole_numbers_are_right_on_average() -> None:
    for size, interval in ((100, 4096.0), (4096, 4096.0), (60_000, 4096.0)):
        weight = 1 / (1 - 2.718281828459045 ** (-size / interval))
        counts = [dict(sampled.estimate([(size, interval)], salt)).get(size, 0) for salt in range(4000)]
        assert set(counts) <= {int(weight), int(weight) + 1}
        assert abs(sum(counts) / len(counts) - weight) < 0.05


def test_allocated_blocks_of_the_interpreter_are_still_counted_right(start: Any) -> None:
    def rounds() -> int:
        before = sys.getallocatedblocks()
        fill(300, 5000)
        KEPT.clear()
        return sys.getallocatedblocks() - before

    rounds()
    start(512.0)
    assert abs(rounds()) < 20
