"""What a profile tells of the samples that it was estimated from; nothing where every allocation was seen."""

from __future__ import annotations

import asyncio
import json
import sys
import threading

import pytest

from memwatch import profile
from memwatch.calltree import Node
from memwatch.retain.search import IN_C

sampled = pytest.mark.skipif(not IN_C, reason="needs the sampler")


def keep_blocks(count: int, kept: list[bytes]) -> None:
    for number in range(count):
        kept.append(b"%4d" % (number % 1000) + bytes(496 - sys.getsizeof(b"")))


def ends_in(function: str) -> Node:
    found = [node for node in profile.get().nodes() if node.function == function]
    return max(found, key=lambda node: node.total_bytes)


def test_a_profile_tells_its_samples_or_that_there_are_none() -> None:
    profile.start(sample_interval=2048)
    kept: list[bytes] = []
    keep_blocks(4000, kept)
    found = profile.get()
    told = json.loads(json.dumps(found.to_dict()))
    if not IN_C:
        assert (found.samples_taken, found.samples_expected, "samples taken" in str(found)) == (None, None, False)
        assert told["samples_taken"] is None and told["root"]["interval"] is None
        return
    taken, expected = found.samples_taken, found.samples_expected
    assert taken is not None and expected is not None
    assert expected >= 4000 * 496 / 2048 and 0.7 * expected < taken < 1.3 * expected
    assert f"; samples taken / expected: {taken:,} / {expected:,.0f}" in str(found).splitlines()[0]
    assert " to " in str(found).splitlines()[1]
    assert (told["samples_taken"], told["root"]["samples"]) == (taken, found.root.samples)


def test_nodes_of_exact_profiles_say_nothing_of_samples() -> None:
    profile.start(sample_interval=2048)
    kept: list[bytes] = []
    keep_blocks(100, kept)
    nodes = profile.get().nodes()
    assert kept and all((node.samples is None) is not IN_C for node in nodes if node.total_bytes)
    assert all((node.interval is None) is not IN_C for node in nodes if node.total_bytes)


@sampled
def test_the_interval_is_around_the_estimate_and_mostly_holds_the_truth() -> None:
    hits, truth = 0, 4000 * 496
    for _ in range(20):
        profile.start(sample_interval=8192)
        kept: list[bytes] = []
        keep_blocks(4000, kept)
        found = ends_in("keep_blocks")
        profile.stop()
        assert found.interval is not None and found.samples is not None
        low, high = found.interval
        assert low < found.total_bytes < high and 150 < found.samples < 350
        hits += low <= truth + sys.getsizeof(kept) and truth <= high
    assert hits >= 15, "six misses of 20 happen once in 3000 runs where 95 % hold"


@sampled
def test_samples_are_told_by_age() -> None:
    profile.start(sample_interval=2048)
    kept: list[bytes] = []
    keep_blocks(4000, kept)
    found = ends_in("keep_blocks")
    assert found.ages is not None
    assert sum(samples for _, samples in found.ages) == found.samples
    assert sum(samples for bound, samples in found.ages if bound <= 60) == found.samples


@sampled
def test_who_allocated_is_told_by_thread_and_by_task() -> None:
    profile.start(sample_interval=2048)
    kept: list[bytes] = []
    read, end = threading.Event(), threading.Event()

    def work() -> None:
        keep_blocks(4000, kept)
        read.set()
        end.wait(60)

    async def job() -> None:
        keep_blocks(4000, kept)
        await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(job(), job())

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    read.wait(60)
    asyncio.run(both())
    root = profile.get().root
    end.set()
    thread.join()
    threads, tasks = dict(root.threads or ()), dict(root.tasks or ())
    assert 1_400_000 < threads["worker"] < 2_800_000
    assert threads["MainThread"] > threads["worker"]
    assert 2_800_000 < next(size for name, size in tasks.items() if name.endswith("job")) < 5_600_000
