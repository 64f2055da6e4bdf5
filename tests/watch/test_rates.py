"""The rates that exporters show are those of the memory, whatever the collector does."""

import random

import pytest

from memwatch.watch.rates import Rates
from memwatch.watch.sample import Sample

MIB = 2**20
HOUR, DAY = 3600, 86400


def rates_of(base, seconds, step=1.0, rss=None, begin=5000.0):
    """{window: bytes an hour} of the meter base after readings of *base(second)*."""
    rates = Rates()
    for number in range(round(seconds / step) + 1):
        at = number * step
        held = round(base(at))
        rates.add(Sample(at, begin + at, "tick", held, round(rss(at)) if rss else held, 0, 0, 0, 0, 0, 0, 0.0, ()))
    return {(rate.meter, rate.window): rate.bytes_per_second and rate.bytes_per_second * HOUR for rate in rates.read()}


def test_a_steady_leak_has_its_rate_in_each_window():
    found = rates_of(lambda at: 100 * MIB + 553 * MIB * at / HOUR, DAY + 3 * HOUR, step=5.0)
    assert {window: value / MIB for (meter, window), value in found.items() if meter == "base"} == pytest.approx(
        {"10m": 553, "1h": 553, "24h": 553}, rel=0.001
    )


def test_what_comes_and_goes_is_no_growth():
    noise = random.Random(1)
    found = rates_of(lambda at: 200 * MIB + 50 * MIB * (at % 7) + MIB * noise.random(), 2 * HOUR)
    assert abs(found["base", "10m"]) < MIB and abs(found["base", "1h"]) < MIB


def test_a_leak_under_a_saw_tooth():
    noise = random.Random(2)
    found = rates_of(lambda at: 10 * MIB * at / HOUR + 80 * MIB * noise.random() ** 2, 3 * HOUR)
    assert found["base", "1h"] / MIB == pytest.approx(10, abs=3)


def test_a_peak_has_no_say():
    found = rates_of(lambda at: 100 * MIB + (900 * MIB if 3000 < at < 3300 else 0), HOUR + 600)
    assert found["base", "1h"] == 0


def test_a_window_that_is_not_full_has_no_rate():
    found = rates_of(lambda at: 2**30 if at > 30 else MIB * at, 540)  # a program that loads its data
    assert set(found.values()) == {None}
    found = rates_of(lambda at: 2**30 if at > 30 else MIB * at, 1500)
    assert (found["base", "10m"], found["base", "1h"]) == (0, None)


def test_resident_memory_has_rates_of_its_own():
    found = rates_of(lambda at: 2**30, 700, rss=lambda at: 2**30 + 36 * MIB * at / HOUR)
    assert found["base", "10m"] == 0 and found["rss", "10m"] == pytest.approx(36 * MIB, rel=0.01)


def test_a_leak_that_begins_shows_in_the_short_window_first():
    found = rates_of(lambda at: 60 * MIB * max(0, at - 2 * HOUR) / HOUR, 2 * HOUR + 700)
    assert found["base", "10m"] == pytest.approx(60 * MIB, rel=0.01) and found["base", "1h"] < 10 * MIB


def test_a_gap_in_the_readings_and_rare_ones():
    found = rates_of(lambda at: 100 * MIB * at / HOUR, 4 * HOUR, step=300.0)  # a tick of five minutes
    assert found["base", "1h"] == pytest.approx(100 * MIB, rel=0.01)


def test_a_reset_begins_anew():
    rates = Rates()
    for at in range(700):
        rates.add(Sample(at, at, "tick", at, at, 0, 0, 0, 0, 0, 0, 0.0, ()))
    assert rates.read()[0].bytes_per_second == pytest.approx(1)
    rates.reset()
    assert rates.read()[0].bytes_per_second is None


def test_what_is_kept_is_bounded():
    rates = Rates()
    for at in range(0, 10 * DAY, 20):
        rates.add(Sample(at, at, "tick", at, at, 0, 0, 0, 0, 0, 0, 0.0, ()))
    kept = [window._points for windows in rates._meters.values() for window in windows]
    assert {len(points) for points in kept} == {50}
