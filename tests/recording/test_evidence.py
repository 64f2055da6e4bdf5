"""What lives show together: which roles leak, what is usual, and from when on nothing grows."""

from __future__ import annotations

import math
import random

import pytest

from memwatch.recording.evidence import leaky, settled, shape_of, usual
from memwatch.watch.lives import SPANS

MIB = 1 << 20


def lives(growth, count=8, seconds=600.0, jitter=0.1, noise=0.3, steps=120):
    """So many lives whose base is 100 MiB, *growth(age)* MiB more and some noise; the newest first."""
    chance = random.Random(17)
    found = []
    for _ in range(count):
        length = seconds * chance.uniform(1 - jitter, 1 + jitter)
        ages = [length * index / steps for index in range(steps + 1)]
        found.append(shape_of([(age, round((100 + growth(age) + abs(chance.gauss(0, noise))) * MIB)) for age in ages]))
    return found


def test_a_shape_is_the_length_the_curve_and_the_middle_of_equal_parts():
    shape = shape_of([(float(age), age) for age in range(181)])
    assert shape.seconds == 180.0 and shape.bins[0] == 4.5 // 1 and shape.bins[-1] == 175
    assert list(shape.bins) == sorted(shape.bins) and len(shape.bins) == 18
    assert shape_of([]).bins == (0,) * 18


LEAKS = {
    "100 KiB a second": lambda age: age / 10.24,
    "10 KiB a second": lambda age: age / 102.4,
    "after a warm-up": lambda age: 40 * (1 - math.exp(-age / 40)) + age / 10.24,
}
HEALTHY = {
    "noise": lambda age: 0.0,
    "a warm-up of a minute": lambda age: 50 * (1 - math.exp(-age / 60)),
    "a warm-up of a life": lambda age: 50 * (1 - math.exp(-age / 600)),
    "a logarithm": lambda age: 20 * math.log1p(age / 60),
    "a cache that is full at half of the life": lambda age: min(age / 5, 60.0),
    "a sawtooth": lambda age: (age % 90) / 2,
    "a peak": lambda age: 50 * math.sin(math.pi * age / 660),
}


@pytest.mark.parametrize("kind", LEAKS)
def test_lives_that_all_grow_at_one_rate_leak(kind):
    found = leaky(lives(LEAKS[kind]))
    slope = LEAKS[kind](600) - LEAKS[kind](400)
    assert found is not None and found.lives == 8 and found.rate == pytest.approx(slope * MIB / 200, rel=0.15)
    assert 540 <= found.seconds <= 600


@pytest.mark.parametrize("kind", HEALTHY)
def test_lives_of_a_healthy_role_show_nothing(kind):
    assert leaky(lives(HEALTHY[kind], count=12)) is None


def test_it_takes_four_lives_and_most_of_the_last():
    leak = LEAKS["100 KiB a second"]
    assert leaky(lives(leak, count=3)) is None and leaky(lives(leak, count=4)) is not None
    idle = lives(HEALTHY["noise"], count=8)
    assert leaky(lives(leak, count=9) + idle[:3]) is not None, "some have had no requests"
    assert leaky(lives(leak, count=8) + idle[:4]) is None


def test_a_warm_up_that_looks_straight_in_short_lives_is_known_by_longer_ones():
    def growth(age):
        return 100 * (1 - math.exp(-age / 3000))

    short, long = lives(growth, count=5, seconds=300), lives(growth, count=5, seconds=3000)
    assert leaky(short) is not None, "so it looks alone"
    assert leaky([*long, *short]) is None


def test_workers_of_so_many_requests_live_longer_where_there_are_few():
    busy, calm = lives(LEAKS["100 KiB a second"], count=4), lives(lambda age: age / 20.48, count=4, seconds=1200)
    assert leaky([*calm, *busy]) is not None


def test_very_short_lives_are_not_asked():
    assert leaky(lives(lambda age: age, seconds=10)) is None


def test_what_is_usual_is_known_where_ten_lives_were_as_old():
    known = usual(lives(HEALTHY["a warm-up of a minute"], count=30, seconds=7200, noise=0.1))
    assert known is not None and known.lives == 30
    mean, spread, most = known.growths[SPANS[-1]][59]
    assert abs(mean) < 0.2 * MIB and spread < 0.2 * MIB and most < 0.5 * MIB
    assert usual(lives(HEALTHY["noise"], count=9)) is None


def test_a_role_has_settled_when_nothing_grew_any_more_through_a_day_s_hours():
    warm = lives(HEALTHY["a warm-up of a minute"], count=10, seconds=12 * 3600.0, noise=0.1, steps=2000)
    age = settled(warm)
    assert age is not None and 120 < age < 1800
    assert settled(warm[:9]) is None
    assert settled(lives(HEALTHY["a warm-up of a minute"], count=10, seconds=2 * 3600.0)) is None
    assert settled(lives(lambda age: 20 * math.sin(age / 43200), count=10, seconds=12 * 3600.0)) is None
