"""A full collection that another thread asks for runs the finalizers of garbage in the main thread."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from memwatch.backend import collect_in_main as room
from memwatch.backend.collect_in_main import Collected, collect_in_main


class Affine:
    """Garbage that writes down which thread has collected it."""

    def __init__(self, seen: list[int]) -> None:
        self.me, self.seen = self, seen

    def __del__(self) -> None:
        self.seen.append(threading.get_ident())


@pytest.fixture(autouse=True)
def _nobody_else_collects() -> Iterator[None]:
    gc.disable()
    gc.freeze()
    yield
    gc.unfreeze()
    gc.enable()


def in_a_thread(ask: Callable[[], Collected | None]) -> Collected | None:
    """What *ask* returns in a thread, while this one runs Python."""
    answers: list[Collected | None] = []
    thread = threading.Thread(target=lambda: answers.append(ask()))
    thread.start()
    while thread.is_alive():
        thread.join(0.001)  # between two of them this thread comes to what it is to call
    return answers[0]


@pytest.fixture
def main_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The main thread does not come to what it is asked to call."""
    monkeypatch.setattr(room, "_call_in_main", lambda function: True)
    monkeypatch.setattr(room, "_PATIENCE", 0.1)


def test_it_runs_in_the_main_thread() -> None:
    seen: list[int] = []
    Affine(seen)
    collected = in_a_thread(lambda: collect_in_main(lambda: False))
    assert collected is not None
    assert collected.elsewhere
    assert collected.garbage >= 1
    assert collected.hold.seconds > 0
    assert seen == [threading.get_ident()]


@pytest.mark.usefixtures("main_is_busy")
@pytest.mark.parametrize("is_over", [True, False])
def test_where_the_main_thread_does_not_come_who_asks_collects(is_over: bool) -> None:
    seen: list[int] = []
    Affine(seen)
    collected = in_a_thread(lambda: collect_in_main(lambda: is_over))
    assert collected is not None
    assert not collected.elsewhere
    assert len(seen) == 1
    assert seen != [threading.get_ident()]


@pytest.mark.usefixtures("main_is_busy")
def test_but_not_beside_a_toolkit_whose_objects_belong_to_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_tkinter", ModuleType("_tkinter"))
    seen: list[int] = []
    Affine(seen)
    assert in_a_thread(lambda: collect_in_main(lambda: False)) is None
    assert seen == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on Windows")
def test_a_child_that_is_forked_before_the_main_thread_comes_to_it_does_not_collect() -> None:
    seen: list[int] = []
    Affine(seen)
    collected = Collected()
    if not (pid := os.fork()):
        collected.run()
        os._exit(len(seen))
    assert os.waitpid(pid, 0)[1] == 0
    collected.run()
    assert len(seen) == 1


def test_what_a_signal_handler_raises_in_there_comes_out_and_nobody_waits_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "collect", interrupted)
    collected = Collected()
    with pytest.raises(KeyboardInterrupt):
        collected.run()
    assert collected.comes(lambda: True)
