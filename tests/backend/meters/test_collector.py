"""A collector that never runs a full collection by itself, as an incremental one: what is told stays right."""

from __future__ import annotations

import gc
from _queue import SimpleQueue
from collections.abc import Iterator

import pytest

import memwatch
from memwatch.backend.meters import collector
from memwatch.backend.meters.collector import read_collections
from memwatch.backend.meters.gc_callback import PythonGCCallback

NEVER = 1_000_000_000


@pytest.fixture
def never_full() -> Iterator[None]:
    before = gc.get_threshold()
    gc.collect()
    gc.set_threshold(700, 10, NEVER)
    yield
    gc.set_threshold(*before)
    gc.collect()


def churn() -> None:
    kept = [[number] for number in range(100_000)]
    for item in kept[::2]:
        item.append(item)  # type: ignore[arg-type]


@pytest.mark.usefixtures("never_full")
def test_counts_base_and_a_collection_that_is_asked_for() -> None:
    before = read_collections()
    churn()
    ran = read_collections()
    assert ran.full == before.full and ran.young > before.young
    first = memwatch.gc()
    garbage = [[number] for number in range(50_000)]
    for item in garbage:
        item.append(item)  # type: ignore[arg-type]
    gc.collect(1)  # it is old now, and no collection but a full one takes it
    del garbage, item
    kept = memwatch.gc()
    assert first is not None and kept is not None
    assert (first.num_full_gc, kept.num_full_gc) == (before.full + 1, before.full + 2)
    assert abs(kept.current_base - first.current_base) < 1 << 20


def test_no_part_of_the_heap_is_taken_for_all_of_it() -> None:
    assert [collector.is_full(generation) for generation in (0, 1, 2)] == [False, False, True]
    callback = PythonGCCallback(SimpleQueue(), lambda: (0, None))
    for generation in (0, 1):
        callback("start", {"generation": generation})
        callback("stop", {"generation": generation})
    assert callback.queue.qsize() == 0 and callback.seconds == 0
