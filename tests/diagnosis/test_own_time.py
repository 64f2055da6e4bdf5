"""The time that a program has had to work in, on a machine that has other work as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from memwatch.backend.meters.waiting import read_waited
from memwatch.diagnosis import own_time
from memwatch.diagnosis.own_time import OwnTime
from memwatch.diagnosis.settling import come_slower

SECOND = 10**9


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes one that was noted every ten seconds, from 100 s on; of each the program ran and waited so many."""

    def note(parts: Sequence[tuple[float, float | None]]) -> OwnTime:
        now, ran, waited = 100, 0.0, 0.0
        clock: Any = type("Faked", (), {"thread_time": lambda: 0.0})
        clock.monotonic_ns, clock.process_time = lambda: now * SECOND, lambda: ran
        monkeypatch.setattr(own_time, "Clock", clock)
        found = OwnTime(lambda: waited)
        found.note()
        for more_ran, more_waited in parts:
            now, ran = now + 10, ran + more_ran
            waited = None if waited is None or more_waited is None else waited + more_waited
            found.note()
        return found

    return note


@pytest.mark.parametrize(
    ("part", "seconds"),
    [((10, 0), 10), ((5, 5), 5), ((2, 2), 10), ((5, None), 10), ((-3, 5), 10), ((18, 2), 9)],
    ids=["alone", "half of a processor", "it sleeps as well", "not known", "in a child", "two threads"],
)
def test_what_a_program_waits_for_counts_if_it_has_no_other_time(noted: Any, part: Any, seconds: float) -> None:
    assert noted([part]).at(110 * SECOND) == pytest.approx(seconds)


def test_moments_between_the_readings_and_outside_of_them(noted: Any) -> None:
    found = noted([(10, 0), (5, 5), (5, 5)])
    times = [found.at(moment * SECOND) for moment in (90, 105, 115, 130, 140)]
    assert times == pytest.approx([-10, 5, 12.5, 20, 25])


def test_readings_are_few_and_not_close_to_each_other(noted: Any) -> None:
    found = noted([(5, 5)] * 200)
    assert found.at(2100 * SECOND) == found.note() == pytest.approx(1000)
    assert len(found._points) <= 64


def test_a_leak_that_others_slow_down_comes_as_fast_as_ever(noted: Any) -> None:
    """An item a second, and one in three seconds while the program has a third of a processor."""
    births = [*range(60, 140), *range(140, 260, 3)]
    assert come_slower([(moment, 1e5) for moment in births])
    found = noted([*[(10, 0)] * 4, *[(3.33, 6.67)] * 12])
    assert not come_slower([(found.at(moment * SECOND), 1e5) for moment in births])


def test_the_kernel_counts_what_was_waited() -> None:
    assert (read_waited() or 0.0) >= 0.0
