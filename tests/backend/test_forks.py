"""One dispatcher owns the order at a fork, walks over the heap rest meanwhile, and a forked child forgets those of its
parent's other threads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import memwatch
from memwatch.backend import forks
from memwatch.backend.forks import begin_walk, end_walk, forget_other_threads, hold_walks, let_walks_go_on, rest
from memwatch.backend.quiet import is_quiet, quiet


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
    marks = vars(sys.modules["memwatch.backend.quiet"])["_quiet"]
    marks[-1] = 2
    try:
        with quiet:
            forget_other_threads()
            assert is_quiet()
    finally:
        end_walk(mine)
    assert -1 not in marks
    assert mine.held and not theirs.held and not forks._walks


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
    monkeypatch.setitem(forks._forks, threading.get_ident(), time.monotonic() + 0.01)
    thread = threading.Thread(target=rest, args=(FakeWalk(-1),), daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def run(code: str) -> list[str]:
    """The words that *code* prints in an interpreter of its own."""
    return subprocess.check_output([sys.executable, "-c", textwrap.dedent(code)], text=True, timeout=60).split()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_rooms_are_called_in_one_order_whatever_the_order_of_their_coming() -> None:
    printed = run("""
        import os
        from memwatch.backend.forks import on_fork

        def says(*words):
            return lambda: os.write(1, f"{'-'.join(words)}\\n".encode())

        for room in ("recording", "trace", "meters", "watcher"):
            on_fork(room, says("before", room), says("parent", room), says("child", room))
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    """)
    order = ["meters", "watcher", "recording", "trace"]
    assert printed[:4] == [f"before-{room}" for room in reversed(order)]
    assert [line for line in printed if line.startswith("parent")] == [f"parent-{room}" for room in order]
    assert [line for line in printed if line.startswith("child")] == [f"child-{room}" for room in order]


def test_a_hook_that_raises_keeps_no_other_from_being_called(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(forks, "_hooks", [])
    monkeypatch.setattr(os, "register_at_fork", lambda **hooks: None, raising=False)

    def fail() -> None:
        called.append("raises")
        raise ValueError("a fault of ours")

    forks.on_fork("watcher", in_child=lambda: called.append("next"))
    forks.on_fork("meters", in_child=fail)
    with pytest.raises(ValueError, match="a fault of ours"):
        forks._in_child()
    assert called == ["raises", "next"]


def test_every_room_that_takes_part_in_a_fork_has_its_place_in_the_order() -> None:
    sources = Path(memwatch.__file__).parent.rglob("*.py")
    named = [
        room for source in sources for room in re.findall(r'^ +on_fork\("([a-z ]+)"', source.read_text(), re.MULTILINE)
    ]
    assert sorted(named) == sorted(forks.ROOMS)
