"""What the search reads from running functions: whatever they do at that moment, and however they were called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from memwatch.retain import references, retaining_paths
from memwatch.retain.search import IN_C

pytestmark = pytest.mark.skipif(not IN_C, reason="of the search in C")


class Order:
    """What is held."""


def texts(wanted: object) -> list[str]:
    return [path.text for path in retaining_paths(wanted, limit=10)]


def test_what_a_loop_goes_over_is_held() -> None:
    seen: list[Any] = []

    def look(order: Order) -> None:
        if not seen:
            seen.append(texts(order))

    def loop() -> None:
        for basket in [[Order()], [Order()]]:
            order, basket = basket[0], []
            look(order)

    loop()
    assert any("loop" in text and "value in use" in text for text in seen[0]), seen[0]


def test_a_new_instance_is_held_by_its_init() -> None:
    seen: list[Any] = []

    def make(look: Callable[[Any], object] | None) -> None:
        Eager(look)

    for _ in range(200):  # until the call of the class is a short cut
        make(None)
    make(lambda it: seen.append(texts(it)))
    assert any("local self" in text for text in seen[0]), seen[0]


class Eager:
    def __init__(self, look: Callable[[Any], object] | None) -> None:
        if look is not None:
            look(self)


def test_arguments_of_a_call_that_fails_are_not_touched() -> None:
    looks: list[int] = []

    class Dying:
        def __del__(self) -> None:
            looks.append(len(texts(looks)))

    def takes_none() -> None:
        """Nothing."""

    def takes_names(*, name: object = None) -> None:
        """Nothing else."""

    for _ in range(3):  # in a warm function as well
        with pytest.raises(TypeError):
            takes_none(Dying(), [Dying()])  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            takes_names(other=Dying(), name=[Dying()])  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            len(Dying(), [Dying()])  # type: ignore[call-arg,arg-type]
        with pytest.raises(AttributeError):
            [Dying()].nothing(Dying())  # type: ignore[attr-defined]
    assert len(looks) == 21


@contextmanager
def guarded(look: Callable[[], object]) -> Iterator[None]:
    try:
        yield
    finally:
        look()


@pytest.mark.parametrize("kind", ["handler", "finally", "with", "generator", "comprehension", "unpacking", "sort key"])
def test_any_state_of_a_function_can_be_read(kind: str) -> None:
    order = Order()
    seen: list[list[str]] = []

    def look(*_: object) -> int:
        seen.append(texts(order))
        return 0

    if kind == "handler":
        try:
            raise ValueError(Order())
        except ValueError:
            look()
    elif kind == "finally":
        with pytest.raises(ValueError, match="on purpose"):
            raise_through(look)
    elif kind == "with":
        with pytest.raises(ValueError, match="on purpose"), guarded(look):
            raise ValueError("on purpose")
    elif kind == "generator":
        assert sum(look() for _ in range(3)) == 0
    elif kind == "comprehension":
        assert [[look(inner) for inner in range(2)] for _ in [1, 2]]
    elif kind == "unpacking":
        assert {"a": look(), "b": (1, *[look(), 2], look())}
    else:
        assert sorted([3, 1, 2], key=look)
    wanted = "test_any_state_of_a_function_can_be_read > local order"
    assert seen and all(any(wanted in text for text in found) for found in seen), seen[0]


def raise_through(look: Callable[[], object]) -> None:
    for _ in [1]:
        try:
            raise ValueError("on purpose")
        finally:
            look()


def test_a_thread_that_waits_holds_its_variables() -> None:
    waits, ends = threading.Event(), threading.Event()

    def wait(order: Order) -> None:
        for _ in range(1):
            waits.set()
            ends.wait()

    order = Order()
    thread = threading.Thread(target=wait, args=(order,))
    thread.start()
    waits.wait()
    try:
        found = texts(order)
    finally:
        ends.set()
        thread.join()
    assert any("another thread" in text and "local order" in text for text in found), found


def test_of_very_many_threads_those_that_differ_are_read_first(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, there = threading.Event(), threading.Semaphore(0)

    def wait(depth: int) -> None:
        if depth:
            wait(depth - 1)
        else:
            there.release()
            gate.wait()

    def work() -> None:
        there.release()
        while not gate.is_set():
            pass

    threads = [threading.Thread(target=it) for it in (*[lambda: wait(9)] * 40, work)]
    monkeypatch.setattr(references, "_MOST_READ", 100)
    for thread in threads:
        thread.start()
        there.acquire()
    found = references.read_frames()
    gate.set()
    for thread in threads:
        thread.join()
    assert 100 <= len(found) < 140
    assert found[0][0] and any(frame.f_code is work.__code__ for _, frame in found)
