"""Fake times and steps of the wall clock do not reach what memwatch computes."""

from __future__ import annotations

import time

import pytest
from freezegun import freeze_time

import memwatch
from memwatch.clock import Clock, steady_epoch, to_wall
from memwatch.watch.sample import as_datetime

DAY = 86400.0


def test_a_fake_time_does_not_stop_the_watcher() -> None:
    with freeze_time("2030-01-01"):
        watcher = memwatch.start(tick=0.01)
        stopped, deadline = time.monotonic(), Clock.monotonic() + 30
        while watcher.readings < 3 and Clock.monotonic() < deadline:
            pass
        assert watcher.readings >= 3 and watcher.age < 60
        assert time.monotonic() == stopped  # the fake is in force
    assert abs(steady_epoch() - time.time()) < 60


@pytest.mark.parametrize("step", [DAY, -DAY])
def test_a_step_of_the_wall_clock_moves_what_is_shown_alone(step: float, monkeypatch: pytest.MonkeyPatch) -> None:
    before, wall = steady_epoch(), Clock.wall
    monkeypatch.setattr(Clock, "wall", staticmethod(lambda: steady_epoch() + step))  # whatever the machine's clock does
    assert 0 <= steady_epoch() - before < 60
    assert to_wall(before) - before == pytest.approx(step, abs=1)
    assert as_datetime(before).timestamp() == pytest.approx(wall() + step, abs=60)


def test_an_adjusted_wall_clock_leaves_times_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = steady_epoch()
    monkeypatch.setattr(Clock, "wall", steady_epoch)
    assert to_wall(moment) == moment
