"""For how long memwatch holds the interpreter, by the clock and in processor time, is told to who listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from memwatch.backend.holds import Hold, holds_noted_by, note_hold
from memwatch.heap import take_census, take_snapshot
from memwatch.retain import find_holdings


def test_waiting_is_no_work() -> None:
    told: list[tuple[float, float]] = []
    with holds_noted_by(lambda *hold: told.append(hold)), Hold() as hold:
        time.sleep(0.02)  # the wait that is measured
    assert told == [(hold.seconds, hold.work)]
    assert hold.seconds >= 0.02 and 0 <= hold.work < hold.seconds


def test_who_listens_within_another_hears_its_own_and_no_other_thread_s() -> None:
    outer: list[float] = []
    inner: list[float] = []
    with holds_noted_by(lambda seconds, work: outer.append(seconds)):
        note_hold(1.0, 0.1)
        with holds_noted_by(lambda seconds, work: inner.append(seconds)):
            note_hold(2.0, 0.1)
            other = threading.Thread(target=note_hold, args=(3.0, 0.1))
            other.start()
            other.join()
        note_hold(4.0, 0.1)
    note_hold(5.0, 0.1)
    assert (outer, inner) == ([1.0, 4.0], [2.0])


@pytest.mark.parametrize(
    "walk",
    [take_census, take_snapshot, lambda: find_holdings(take_snapshot().addresses)],
    ids=["census", "snapshot", "search"],
)
def test_each_walk_tells(walk: Callable[[], object]) -> None:
    told: list[tuple[float, float]] = []
    with holds_noted_by(lambda *hold: told.append(hold)):
        walk()
    assert told and all(seconds >= work >= 0 for seconds, work in told)
