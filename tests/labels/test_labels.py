"""Labels: which belongs to what is allocated, in threads, tasks and nested blocks."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading

import pytest

import memwatch
from memwatch.backend import name as backend
from memwatch.backend.allocations import context_labels
from memwatch.backend.allocations.context_labels import CURRENT, label_text
from memwatch.labels import plain
from memwatch.profile import AllocationSampler

needs_sampler = pytest.mark.skipif(backend != "native", reason="the pure backend samples nothing")
SIZE = 100_003  # bytes, as nothing else here takes


def text() -> str:
    return label_text(CURRENT.get())


def labels_of(work) -> dict[str, int]:
    """How many blocks of `SIZE` bytes *work* leaves behind with each label: every allocation is sampled."""
    sampler = AllocationSampler()
    sampler.start(sample_interval=1)
    try:
        kept = work()
        found: dict[str, int] = {}
        for stack in memwatch.profile.profile.stacks_of(sampler.get().root):
            for part in stack.parts:
                count = sum(count for size, count in part.allocations if SIZE <= size < SIZE + 100)
                if count:
                    found[part.label] = found.get(part.label, 0) + count
        del kept
        return found
    finally:
        sampler.stop()


@pytest.fixture(params=[memwatch.label, plain.label], ids=["as it is", "in Python"])
def label(request, monkeypatch):
    monkeypatch.setattr(plain, "known", {}) if request.param is plain.label else None
    return request.param


def test_inner_labels_go_over_outer_ones(label):
    assert text() == ""
    with label(route="GET /a", user="x"):
        assert text() == "route=GET /a, user=x"
        with label(route="b"):
            assert text() == "route=b, user=x"
        assert text() == "route=GET /a, user=x"
    assert text() == ""


def test_an_error_ends_a_label_too(label):
    with pytest.raises(KeyError), label(route="a"):
        raise KeyError
    assert text() == ""


@pytest.mark.parametrize(
    "labels", [{}, {"route": 3}, {"route": None}, {"route": []}, {"a": "x", "b": 3}, {f"n{n}": "x" for n in range(9)}]
)
def test_what_is_no_label_is_refused(label, labels):
    with pytest.raises(memwatch.OptionError, match="1 to 8 names with text"):
        label(**labels)


def test_long_values_are_cut_and_the_same_labels_have_one_number(label):
    with label(route="x" * 1000):
        assert text() == "route=" + "x" * 100
        first = CURRENT.get()
    with label(route="x" * 1000):
        assert CURRENT.get() == first


def test_of_very_many_labels_the_last_are_counted_together(label, monkeypatch):
    monkeypatch.setattr(context_labels, "_sets", [(), ((context_labels.OTHERS, ""),)])
    monkeypatch.setattr(context_labels, "_numbers", {})
    monkeypatch.setattr(context_labels, "MOST", 10)
    seen = set()
    for number in range(100):
        with label(many=str(number)):
            seen.add(text())
    assert len(seen) == 9 and context_labels.OTHERS in seen
    assert len(context_labels._sets) == 10 and len(context_labels._numbers) <= 40


def test_it_can_end_in_another_context(label):
    entered = contextvars.copy_context().run(lambda: label(route="a").enter())
    entered.leave()
    assert text() == ""
    entered.leave()


@needs_sampler
def test_allocations_bear_the_label_of_their_block():
    def work():
        kept = [bytearray(SIZE)]
        with memwatch.label(route="a"):
            kept += [bytearray(SIZE) for _ in range(3)]
            with memwatch.label(step="two"):
                kept += [bytearray(SIZE) for _ in range(2)]
        return kept

    assert labels_of(work) == {"": 1, "route=a": 3, "route=a, step=two": 2}


@needs_sampler
def test_tasks_of_one_thread_have_their_own():
    async def handle(route: str, count: int):
        kept = []
        with memwatch.label(route=route):
            for _ in range(count):
                kept.append(bytearray(SIZE))
                await asyncio.sleep(0)
            kept += await asyncio.create_task(child(count))
        return kept

    async def child(count: int):
        await asyncio.sleep(0)
        return [bytearray(SIZE) for _ in range(count)]

    async def serve():
        return await asyncio.gather(handle("a", 5), handle("b", 7), child(1))

    assert labels_of(lambda: asyncio.run(serve())) == {"route=a": 10, "route=b": 14, "": 1}


@needs_sampler
def test_a_thread_begins_without():
    kept = []

    def run() -> None:
        with memwatch.label(thread="other"):
            kept.append(bytearray(SIZE))
        kept.append(bytearray(SIZE))

    def work():
        with memwatch.label(route="a"):
            thread = threading.Thread(target=run, context=contextvars.Context()) if has_context() else None
            thread = thread or threading.Thread(target=run)
            thread.start()
            thread.join()
            kept.append(bytearray(SIZE))
        return kept

    assert labels_of(work) == {"thread=other": 1, "": 1, "route=a": 1}


def has_context() -> bool:
    """From 3.14 on a thread may begin with a copy of its parent's context."""
    import inspect

    return "context" in inspect.signature(threading.Thread.__init__).parameters


def test_names_alone_are_taken(label):
    with pytest.raises(TypeError):
        label("GET /orders")


def test_what_a_label_holds_goes_with_it(label):
    value = "".join(["GET /", "orders"])
    with label(route=value):
        pass
    before = sys.getrefcount(value)
    for _ in range(10):
        entered = label(route=value)
        for _ in range(2):
            with entered:
                pass
        entered.leave()
    del entered
    assert sys.getrefcount(value) == before and text() == ""


@needs_sampler
def test_a_label_ends_though_its_end_is_sampled():
    sampler = AllocationSampler()
    sampler.start(sample_interval=1)
    try:
        for _ in range(100):
            with memwatch.label(route="a"):
                assert text() == "route=a"
            assert text() == ""
    finally:
        sampler.stop()


class Route:
    """What a framework has at hand while it handles a request."""

    def __init__(self, text: str) -> None:
        self.text = text


def handle(route: Route | None, work, outer=None):
    return work()


@needs_sampler
def test_what_a_variable_of_a_function_at_work_holds_is_a_label_without_being_set():
    assert context_labels.follow(handle.__code__, "route", lambda route: (("route", route.text),))
    assert context_labels.follow(handle.__code__, "route", None), "once will do"
    first, second = Route("a"), Route("b")

    def allocate(count):
        return lambda: [bytearray(SIZE) for _ in range(count)]

    def work():
        kept = [allocate(1)(), handle(first, allocate(2)), handle(second, allocate(3)), handle(None, allocate(4))]
        kept.append(handle(first, lambda: handle(second, allocate(5))))
        kept.append(handle(first, lambda: handle(None, allocate(6))))
        with memwatch.label(step="x"):
            kept.append(handle(first, allocate(7)))
        return kept

    found = {"": 1 + 4, "route=a": 2 + 6, "route=b": 3 + 5, "route=a, step=x": 7}
    assert labels_of(work) == found and labels_of(work) == found


@needs_sampler
def test_what_cannot_be_followed():
    def closes_over(route):
        return lambda: route

    for code, variable in (Route.__init__.__code__, "nothing"), (closes_over.__code__, "route"):
        assert not context_labels.follow(code, variable, None)
    for bad in -1, 99:
        with pytest.raises(ValueError, match="the number of a local variable"):
            context_labels._native.sampling_follow_local(handle.__code__, bad)
    assert context_labels._native.sampling_label(0x8FFF) is None
    assert label_text(0x8FFF) == ""


@needs_sampler
def test_profiles_and_nodes_tell_labels(tmp_path):
    sampler = AllocationSampler()
    sampler.start(sample_interval=1)
    try:
        with memwatch.label(route="GET /orders"):
            kept = [bytearray(SIZE) for _ in range(5)]
        profile = sampler.get()
    finally:
        sampler.stop()
    assert dict(profile.root.labels)["route=GET /orders"] >= 5 * SIZE
    assert profile.root.to_dict()["labels"]["route=GET /orders"] >= 5 * SIZE
    profile.write(tmp_path / "heap.pb.gz")
    del kept


@needs_sampler
def test_a_report_says_for_which_request():
    kept: list[bytearray] = []
    over = threading.Event()

    def serve() -> None:
        while not over.wait(0.002):
            with memwatch.label(route="GET /orders"):
                kept.extend(bytearray(20_000) for _ in range(3))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        report = memwatch.report_now(seconds=0.5)
    finally:
        over.set()
        thread.join()
    (text, share), *_ = report.suspects[0].allocated_in
    assert text == "route=GET /orders" and share > 0.9
    assert "     while       route=GET /orders" in str(report)
    assert report.to_dict()["suspects"][0]["allocated_in"][0]["label"] == "route=GET /orders"
