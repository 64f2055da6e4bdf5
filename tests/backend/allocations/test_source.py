"""The sampler as a source of live stacks: estimates, labels, ages, and several that share it."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

import memwatch
from memwatch import profile
from memwatch.backend import _native
from memwatch.backend.allocations import sampler
from memwatch.backend.allocations.live import LiveHeap, LiveStack
from memwatch.backend.allocations.sampled import SampledHeap
from memwatch.errors import NotStartedError, UnsupportedError

KEPT: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    profile.stop()
    for sampling in list(sampler._running):
        sampling.stop()
    tracemalloc.stop()
    KEPT.clear()


@pytest.fixture
def sampling() -> SampledHeap:
    made = SampledHeap()
    made.start(1024, 64)
    return made


def fill(count: int) -> None:
    KEPT.extend([bytes(467) for _ in range(count)])


def held(heap: LiveHeap, size: int = 500) -> int:
    return sum(count for live in heap.stacks for bytes_, count in live.sizes if bytes_ == size)


def stacks_of(heap: LiveHeap, function: str = "fill") -> list[LiveStack]:
    return [live for live in heap.stacks if any(place.function == function for place in live.places)]


def test_the_self_test_finds_nothing_wrong() -> None:
    assert sampler.self_test() == ""


def test_estimates_with_their_samples_and_ages(sampling: SampledHeap) -> None:
    fill(10_000)
    heap = sampling.read()
    live = [stack for stack in stacks_of(heap) if stack.samples > 10]
    assert (heap.source, heap.sample_interval, heap.stack_depth, heap.notes) == ("sampler", 1024, 64, ())
    assert 9000 < held(heap) < 11_000
    assert all(stack.samples < sum(count for _, count in stack.sizes) for stack in live)
    assert all(0 <= stack.ages[0] <= stack.ages[-1] < 60 and len(stack.ages) <= 32 for stack in live)
    assert heap.samples_taken > 3000 and abs(heap.samples_taken / heap.samples_expected - 1) < 0.3


def test_the_same_samples_give_the_same_numbers(sampling: SampledHeap) -> None:
    fill(3000)
    assert {held(sampling.read()) for _ in range(5)} == {held(sampling.read())}


def test_every_stack_is_there_once_for_a_thread_and_a_task(sampling: SampledHeap) -> None:
    async def job() -> None:
        fill(300)

    async def other() -> None:
        await job()

    async def both() -> None:
        await asyncio.gather(job(), other())

    thread = threading.Thread(target=fill, args=(300,), name="the worker")
    thread.start()
    fill(300)
    asyncio.run(both())
    alive = threading.Event()
    waiting = threading.Thread(target=lambda: (fill(300), alive.wait()), name="waits")
    waiting.start()
    while len(KEPT) < 1500:
        pass
    live = [stack for stack in stacks_of(sampling.read()) if stack.samples > 20]
    alive.set()
    thread.join()
    name = "test_every_stack_is_there_once_for_a_thread_and_a_task.<locals>."
    assert {(stack.thread, stack.task) for stack in live} == {
        ("the worker", ""),
        ("waits", ""),
        ("MainThread", ""),
        ("MainThread", f"{name}job"),
        ("MainThread", f"{name}other"),
    }
    assert all(stack.places[-1].function.startswith("fill") for stack in live)
    functions = {stack.task: [place.function for place in stack.places] for stack in live if stack.task}
    assert functions[f"{name}other"][:2] == [f"{name}other", f"{name}job"], "the loop's own frames are left out"


def test_a_thread_that_has_ended_is_known_while_anybody_has_it_or_it_was_known_before(sampling: SampledHeap) -> None:
    threads = [threading.Thread(target=fill, args=(300,), name=name) for name in ("kept", "read", "gone")]
    for thread in threads:
        thread.start()
        thread.join()
        if thread.name == "read":
            sampling.read()
    gone = threads.pop().native_id
    threads.pop()
    del thread
    found = {stack.thread for stack in stacks_of(sampling.read()) if stack.samples > 20}
    assert found >= {"kept", f"thread {gone}"} and found <= {"kept", "read", f"thread {gone}"}


def test_a_task_of_a_path_that_is_cut_in_the_loop_is_known() -> None:
    async def job() -> None:
        fill(2000)

    made = SampledHeap()
    made.start(1024, 6)
    asyncio.run(job())
    name = "test_a_task_of_a_path_that_is_cut_in_the_loop_is_known.<locals>.job"
    found = [stack for stack in stacks_of(made.read()) if stack.samples > 20]
    assert found and all(stack.task == stack.places[0].function == name for stack in found)


def test_a_loop_that_runs_tasks_in_c_is_left_out_as_well(sampling: SampledHeap) -> None:
    """As uvloop, whose tasks lie right above the runner's frame."""
    space: dict[str, Any] = {"fill": fill}
    source = "class Runner:\n def run(self, coroutine):\n  return coroutine.send(None)"
    exec(compile(source, "/lib/asyncio/runners.py", "exec"), space)

    async def job() -> None:
        fill(300)

    with pytest.raises(StopIteration):
        space["Runner"]().run(job())
    name = "test_a_loop_that_runs_tasks_in_c_is_left_out_as_well.<locals>.job"
    assert {stack.places[0].function for stack in stacks_of(sampling.read()) if stack.samples > 20} == {name}


def test_several_see_what_came_after_their_own_starts(sampling: SampledHeap) -> None:
    fill(2000)
    second = SampledHeap()
    second.start(256, 8)
    fill(1000)
    assert abs(held(sampling.read()) - 3000) < 400 and abs(held(second.read()) - 1000) < 150
    assert _native.sampling_stats()["interval"] == 256
    second.stop()
    assert sampling.running and not second.running and _native.sampling_stats()["interval"] == 1024
    sampling.stop()
    assert not _native.sampling_running()


def test_the_deepest_that_anybody_asks_for_is_kept() -> None:
    def descend(depth: int) -> None:
        descend(depth - 1) if depth else fill(1000)

    shallow, deep = SampledHeap(), SampledHeap()
    shallow.start(1024, 5)
    deep.start(1024, 30)
    descend(20)
    assert {len(stack.places) for stack in stacks_of(deep.read()) if stack.samples > 10} == {30}
    assert {len(stack.places) for stack in stacks_of(shallow.read()) if stack.samples > 10} == {5}
    assert "longer than 5 frames" in shallow.read().notes[-1]
    deep.stop()
    KEPT.clear()
    descend(20)
    again = SampledHeap()
    again.start(1024, 3)
    assert {len(stack.places) for stack in stacks_of(shallow.read()) if stack.samples > 10} == {5}


def test_threads_that_start_and_stop_at_once(sampling: SampledHeap) -> None:
    failures: list[BaseException] = []

    def torment(number: int) -> None:
        try:
            for turn in range(100):
                made = SampledHeap()
                made.start(2048 << turn % 4, 8 + number)
                assert made.running and made.read().source == "sampler"
                made.stop()
        except BaseException as error:
            failures.append(error)

    sampling.stop()
    for keeps in (False, True):
        if keeps:
            sampling.start(1024, 64)
        threads = [threading.Thread(target=torment, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == [] and sampling.running is keeps is _native.sampling_running()
    assert _native.sampling_stats()["interval"] == 1024


def test_too_many_samples_are_told() -> None:
    made = SampledHeap()
    made.start(16, 64)
    fill(100_000)
    heap = made.read()
    assert heap.sample_interval > 16 and "there were too many samples" in heap.notes[0]
    assert 95_000 < held(heap) < 105_000


def test_paths_that_are_cut_are_told() -> None:
    made = SampledHeap()
    made.start(1024, 3)
    fill(1000)
    heap = made.read()
    assert "are longer than 3 frames" in heap.notes[-1]
    assert all(len(stack.places) <= 3 and stack.task == "" for stack in heap.stacks)


def test_hooks_that_somebody_took_away_are_told() -> None:
    tracemalloc.start(1)
    made = SampledHeap()
    made.start(1024, 8)
    tracemalloc.stop()
    assert not made.running
    with pytest.raises(NotStartedError, match="replaced Python's allocators"):
        made.read()
    made.start(1024, 8)
    fill(1000)
    assert abs(held(made.read()) - 1000) < 200


def test_what_memwatch_allocates_is_left_out(sampling: SampledHeap) -> None:
    KEPT.extend([memwatch.HeapDiff(), memwatch.start(), memwatch.gc(), sampling.read(), sampling.read()])
    try:
        files = {place.file for live in sampling.read().stacks for place in live.places[-1:]}
        assert not [file for file in files if "/memwatch/backend/" in file or "/memwatch/watch/" in file]
    finally:
        memwatch.stop()


def test_a_profile_is_made_of_it(tmp_path: Any) -> None:
    profile.start(sample_interval=1024, stack_depth=32)
    fill(5000)
    found = profile.get()
    nodes = [node for node in found.nodes() if node.function.startswith("fill") and not node.children]
    assert (found.source, found.sample_interval) == ("sampler", 1024)
    assert abs(sum(count for node in nodes for size, count in node.allocations if size == 500) - 5000) < 600
    assert {node.line for node in nodes} == {fill.__code__.co_firstlineno + 1}
    assert abs(profile.load(profile.write(tmp_path / "heap.pb.gz")).root.total_bytes - found.root.total_bytes) < 300_000


def test_a_sampler_that_is_refused_gives_way_to_tracemalloc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "self_test", lambda: "the frames of this Python are not where they should be")
    with pytest.raises(UnsupportedError, match="frames of this Python"):
        SampledHeap().start(1024, 8)
    profile.start()
    fill(100)
    found = profile.get()
    assert found.source == "tracemalloc"
    assert "the frames of this Python are not where they should be" in found.notes[0]
