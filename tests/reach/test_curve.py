"""The readings that are kept for a page: bounded, evenly thinned, with the events beside them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import memwatch
from memwatch.clock import steady_epoch
from memwatch.errors import OptionError
from memwatch.reach.curve import Curve, curve_of, end_curve, find_leak, keep_curve
from memwatch.watch import Leak, Sample, Suspicion
from memwatch.watch.contract import Unjudged
from memwatch.watch.sample import Growth

from .conftest import until

NOW = steady_epoch()


def sample(second: float, base: int = 1000) -> Sample:
    return Sample(NOW + second, second, "tick", base, 2 * base, 1, 1, 1, 1, int(second), 0, 0.0, ())


def leak(reason: str = "it grows") -> Leak:
    moment = datetime.fromtimestamp(NOW, UTC)
    growth = Growth("leak", "ratchet", "base", NOW, NOW, 0.0, 1, 7, 8, "windows")
    return Leak(moment, moment, 7, reason, 1.0, "ratchet", "objects", Unjudged(growth, "nobody looked"))


def test_a_tab_left_open_for_a_day_costs_no_more():
    curve = Curve(most=1000)
    for second in range(86_400):
        curve.at_tick(None, sample(second, base=second))
    found = curve.since(0.0)
    assert 500 <= len(found["time"]) <= 1000
    assert found["base"][0] == 0 and found["base"][-1] > 86_000
    steps = {two - one for one, two in zip(found["base"], found["base"][1:], strict=False)}
    assert len(steps) == 1, "they are evenly spread"


def test_only_what_came_since_is_told():
    curve = Curve()
    for second in range(10):
        curve.at_tick(None, sample(second))
    everything = curve.since(0.0)
    later = curve.since(everything["time"][6] + 0.001)
    assert later["full"] == [7, 8, 9] and later["rss"] == [2000, 2000, 2000]


def test_events_and_reports_are_bounded():
    curve, moment = Curve(), datetime.fromtimestamp(NOW, UTC)
    curve.suspected(None, Suspicion(moment, moment, 5, "perhaps", 1.0, "ratchet", "base"))
    for number in range(300):
        curve.leaked(None, leak(f"leak {number}"))
    curve.recovered(None, leak("all is well"))
    events = curve.since(0.0)["events"]
    assert len(events) == 100 and events[-1]["kind"] == "recovered" and events[-2]["leak"] == 300
    assert curve.leak(300).reason == "leak 299" and curve.leak(1) is None


def test_the_signals_bring_what_is_kept(watched):
    try:
        kept = keep_curve()
        assert keep_curve() is kept is curve_of(watched)
        memwatch.leak.publish(watched, leak())
        assert find_leak(watched, 1).reason == "it grows"
        until(lambda: len(kept.since(0.0)["time"]) > 3)
    finally:
        end_curve()
    assert curve_of(watched) is not kept and len(curve_of(watched).since(0.0)["time"]) > 0
    with pytest.raises(OptionError, match="no leak"):
        find_leak(watched, 1)
