"""Growth from day to day under a daily cycle, by wall clock."""

import itertools
import math
import random

import pytest

from memwatch.watch.sample import Sample
from memwatch.watch.seasonal import Seasonal

MIB = 1 << 20
HOUR = 3600.0
MIDNIGHT = 20_000 * 24 * HOUR


def reading(base, time, rss=0):
    return Sample(time, 0.0, "tick", int(base), rss, 0, 0, None, 100, 0, 0, 0.0, ())


def cycle(hour):
    """100 MiB, and up to 40 MiB more in the afternoon."""
    return (100 + 20 - 20 * math.cos(hour / 24 * 2 * math.pi)) * MIB


def said(base_of, days, detector=None, begin=0, left_out=()):
    """What it says of a base by hour, ten minutes apart: [(hours, Growth)]."""
    detector = detector or Seasonal("base")
    chance, words = random.Random(5), []
    for k in range(begin * 6, days * 24 * 6):
        if k // 6 in left_out:
            continue
        growth = detector.update(reading(base_of(k / 6) + chance.random() * MIB, MIDNIGHT + k * 600.0))
        words += [(k / 6, growth)] if growth else []
    return words


def levels(*args, **kwargs):
    return [growth.level for _, growth in said(*args, **kwargs)]


def leak(hour, per_day=5 * MIB):
    return cycle(hour) + per_day * hour / 24


def test_a_cycle_is_silent():
    assert levels(cycle, 14) == []


def test_a_leak_under_a_cycle_is_suspect_after_two_rises_and_a_leak_after_three():
    words = said(leak, 6)
    assert [growth.level for _, growth in words] == ["suspect", "leak"]
    assert 48 < words[0][0] <= 72 < words[1][0] <= 97
    assert (words[1][1].count, words[1][1].unit, words[1][1].detector) == (3, "days", "seasonal")
    assert words[1][1].growth == pytest.approx(15 * MIB, rel=0.15)
    assert words[1][1].seconds == 3 * 24 * HOUR
    assert words[1][1].reason.startswith("heap growth over 3 consecutive days (72h 0s) - ")


def test_hours_without_readings_are_left_out():
    gaps = {3, 4, 30, 31, 32, 75}
    assert levels(leak, 6, left_out=gaps) == ["suspect", "leak"]


def test_a_day_with_too_few_hours_is_not_judged():
    assert levels(leak, 4, left_out=set(range(50, 62))) == []


def test_three_days_of_which_one_carries_the_growth_are_silent():
    assert "leak" not in levels(lambda hour: cycle(hour) + (hour + 20 * max(0, hour - 72)) * MIB / 24, 5)


def test_growth_that_fades_is_silent():
    assert "leak" not in levels(lambda hour: cycle(hour) + 60 * MIB * (1 - math.exp(-hour / 24)), 14)


def test_growth_below_one_per_cent_is_silent():
    assert levels(lambda hour: 100 * cycle(hour) + hour * MIB, 5) == []


def test_a_leak_that_goes_on_is_said_again_after_six_and_twelve_days():
    times = [hours / 24 for hours, growth in said(leak, 30) if growth.level == "leak"]
    assert [round(b - a) for a, b in itertools.pairwise(times)] == [6, 12]


def test_growth_that_stops_is_recovered():
    words = said(lambda hour: cycle(hour) + 5 * MIB * min(hour, 100) / 24, 8)
    assert [growth.level for _, growth in words] == ["suspect", "leak", "recovered"]


def test_a_dismissed_leak_is_silent_for_six_days_and_does_not_recover():
    detector = Seasonal("base")
    words = said(leak, 5, detector=detector)
    assert [growth.level for _, growth in words] == ["suspect", "leak"]
    detector.withdraw()
    detector.dismiss(words[-1][1])
    words = said(leak, 15, detector=detector, begin=5 * 24)
    assert [growth.level for _, growth in words] == ["suspect", "leak"]
    assert words[0][0] >= 92 + 6 * 24


def test_a_leak_that_is_withdrawn_comes_again_an_hour_later():
    detector = Seasonal("base")
    assert levels(leak, 5, detector=detector) == ["suspect", "leak"]
    detector.withdraw()
    (hours, again), *_ = said(leak, 6, detector=detector, begin=5 * 24)
    assert again.level == "leak" and hours <= 5 * 24 + 2


def test_a_dismissed_suspicion_is_silent_for_six_days():
    detector = Seasonal("base")
    [(_, suspicion)] = said(leak, 3, detector=detector)
    assert suspicion.level == "suspect"
    detector.dismiss(suspicion)
    words = said(leak, 12, detector=detector, begin=3 * 24)
    assert words[0][0] >= 68 + 6 * 24


def test_a_clock_set_back_by_an_hour_does_no_harm():
    shifted = {hour: leak(hour) for hour in range(24 * 6)}
    detector, words = Seasonal("base"), []
    for k in range(24 * 6 * 6):
        time = MIDNIGHT + k * 600.0 - (HOUR if k > 300 else 0.0)
        growth = detector.update(reading(shifted[k // 6], time))
        words += [growth.level] if growth else []
    assert words == ["suspect", "leak"]


def test_a_clock_set_back_by_days_starts_afresh():
    detector = Seasonal("base")
    assert said(leak, 3, detector=detector) != []
    detector.update(reading(leak(0), MIDNIGHT - 9 * 24 * HOUR))
    assert len(detector._hours) == 0


def test_its_memory_is_bounded():
    detector = Seasonal("base")
    said(cycle, 30, detector=detector)
    assert len(detector._hours) <= 96


def test_a_meter_that_cannot_be_read_says_nothing():
    assert said(leak, 6, detector=Seasonal("rss")) == []
