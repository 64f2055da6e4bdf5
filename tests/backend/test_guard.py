"""Quiet collections, and classes of memwatch's own that no census counts."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator

import pytest

from memwatch.backend import guard
from memwatch.backend.guard import (
    begin_walk,
    collect,
    end_interrupted,
    end_walk,
    find_own,
    forget_other_threads,
    hold_walks,
    is_quiet,
    let_walks_go_on,
    own,
    parts_of,
    quiet,
    rest,
)


@pytest.fixture(autouse=True)
def _own_classes_of_a_test_are_forgotten() -> Iterator[None]:
    before = set(guard._own_types)
    yield
    guard._own_types &= before  # the next class at such an address is somebody else's


def test_quiet_is_re_entrant_and_ends() -> None:
    assert not is_quiet()
    with quiet:
        with quiet:
            assert is_quiet()
        assert is_quiet()
    assert not is_quiet()


def tick() -> None:
    watcher = threading.Thread(target=end_interrupted)
    watcher.start()
    watcher.join()


def test_quiet_that_was_interrupted_before_its_end_ends_later() -> None:
    type(quiet).__enter__(quiet)  # as where a signal handler raises before `__exit__`
    tick()
    assert not is_quiet()
    quiet.__exit__()  # the entry is gone: nothing breaks


def test_quiet_goes_on_for_a_thread_that_walks() -> None:
    answers = []

    def ask(phase: str, info: dict[str, int]) -> None:
        tick()
        answers.append(is_quiet())

    gc.callbacks.append(ask)
    try:
        collect()
    finally:
        gc.callbacks.remove(ask)
    assert answers == [True, True]


def test_quiet_ends_where_the_body_raises() -> None:
    try:
        with quiet:
            raise ValueError
    except ValueError:
        pass
    assert not is_quiet()


def test_quiet_is_one_threads_own() -> None:
    seen: list[bool] = []
    with quiet:
        thread = threading.Thread(target=lambda: seen.append(is_quiet()))
        thread.start()
        thread.join()
    assert seen == [False]


def test_a_collection_inside_is_seen_as_quiet_by_a_callback() -> None:
    seen: list[bool] = []

    def callback(phase: str, info: dict[str, int]) -> None:
        seen.append(is_quiet())

    gc.callbacks.append(callback)
    try:
        with quiet:
            gc.collect()
        gc.collect()
    finally:
        gc.callbacks.remove(callback)
    assert True in seen and seen[-1] is False


def test_own_goes_by_identity_not_by_name() -> None:
    def make(mark: bool) -> type:
        class HeapDiff:
            def __init__(self) -> None:
                self.rows = [1]

        return own(HeapDiff) if mark else HeapDiff

    ours, theirs = make(True)(), make(False)()
    assert find_own([ours, theirs, [], ours.__init__, theirs.__init__]) == [ours, ours.__init__]


def test_parts_are_the_containers_of_the_instance_and_go_no_deeper() -> None:
    @own
    class Holder:
        __slots__ = ("deep", "empty", "name")

    holder = Holder()
    inner = ["the program's"]
    holder.deep, holder.empty, holder.name = [inner], (), "x"
    parts = parts_of([holder])
    assert {id(holder), id(holder.deep)} <= parts
    assert parts.isdisjoint({id(inner), id(()), id(holder.name)})


class FakeWalk:
    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.rests = False
        self.held = ["an object of the program"]

    def release(self) -> None:
        self.held.clear()
        end_walk(self)


def test_a_forked_child_forgets_what_other_threads_had_begun() -> None:
    mine, theirs = FakeWalk(threading.get_ident()), FakeWalk(-1)
    begin_walk(mine)
    begin_walk(theirs)
    guard._quiet[-1] = 2
    try:
        with quiet:
            forget_other_threads()
            assert is_quiet()
    finally:
        end_walk(mine)
    assert -1 not in guard._quiet
    assert mine.held and not theirs.held and not guard._walks


@pytest.fixture
def walk_elsewhere() -> Iterator[FakeWalk]:
    """A walk in a thread of its own that rests whenever it is asked to, until it is released."""
    begun, made = threading.Event(), list[FakeWalk]()

    def run() -> None:
        made.append(walk := FakeWalk(threading.get_ident()))
        begin_walk(walk)
        begun.set()
        while walk.held:
            rest(walk)

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait(30)
    yield made[0]
    made[0].release()
    thread.join(30)


def test_walks_of_other_threads_rest_while_a_thread_forks(walk_elsewhere: FakeWalk) -> None:
    hold_walks(patience=30)
    try:
        assert walk_elsewhere.rests
    finally:
        let_walks_go_on()
    while walk_elsewhere.rests:
        pass


def test_a_thread_that_forks_waits_neither_for_its_own_walk_nor_without_end_for_others() -> None:
    mine, theirs = FakeWalk(threading.get_ident()), FakeWalk(-1)
    begin_walk(mine)
    begin_walk(theirs)
    try:
        hold_walks(patience=0.01)
        rest(mine)  # a callback of the program, run before the fork, may walk as well
        assert not mine.rests
    finally:
        let_walks_go_on()
        mine.release()
        theirs.release()


def test_a_fork_that_was_called_off_holds_no_walk_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(guard._forks, threading.get_ident(), time.monotonic() + 0.01)
    thread = threading.Thread(target=rest, args=(FakeWalk(-1),), daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
