"""Growth that noise hides from the ratchet: a straight line through the blocks of a scale, in the first hour."""

import random

import pytest

from memwatch.watch.pace import choose_pace
from memwatch.watch.sample import Sample
from memwatch.watch.scales import Origin, Scale
from memwatch.watch.steady_growth import SteadyGrowth
from memwatch.watch.straight_line import fit_line

BASE = 100 << 20
SERVICE = choose_pace("service", tick=10)
NOISE = (0.8, -0.9, 0.2, 0.7, -1.0, 0.9, -0.8, 0.1)


def scale(values, before=()):
    made = Scale(1280.0, True, None)
    for value in (*before, *values):
        made.add(float(value), Origin(0.0, 0.0, 0).pack())
    return made


def is_straight(values, before=()):
    return scale(values, before).is_straight(0.0025, 0.25)


def test_a_line_has_a_slope_an_error_and_what_it_leaves():
    line = fit_line([(0, 1.0), (1, 3.0), (2, 2.0), (3, 4.0)])
    assert (line.x, line.y, round(line.slope, 3), round(line.squares, 3)) == (1.5, 2.5, 0.8, 1.8)
    assert line.error == pytest.approx((1.8 / 2 / 5) ** 0.5) and line.at(1.5) == 2.5 and line.at(2.5) == 3.3


def test_under_noise_the_blocks_do_not_rise_in_order_but_lie_along_a_line():
    values = [100 + n + noise for n, noise in enumerate(NOISE)]
    assert is_straight(values) and not scale(values).rises(0.0025, 0.25)


@pytest.mark.parametrize(
    "values",
    [
        [100 + noise for noise in NOISE],
        [100 + 7 * (n >= 4) + 0.2 * noise for n, noise in enumerate(NOISE)],
        [110 - 10 * 0.7**n for n in range(8)],
        [100 + 0.01 * n for n in range(8)],
        [107 - n for n in range(8)],
    ],
    ids=["noise", "one jump", "a start-up", "a trifle", "a fall"],
)
def test_what_is_no_straight_line(values):
    assert not is_straight(values)


def test_a_line_that_ends_below_what_was_there_before_has_won_no_ground():
    values = [100 + n for n in range(8)]
    assert is_straight(values, before=[106]) and not is_straight(values, before=[108])


def wavering(hourly, begin=0.0, seed=1):
    """Two hours of readings, 10 s apart, with noise that keeps most of itself from one to the next."""
    chance, noise = random.Random(seed), 0.0
    for k in range(720):
        noise = 0.95 * noise + chance.gauss(0.0, 0.3)
        yield BASE * (1 + 0.01 * noise + hourly * max(0.0, 10 * k - begin) / 3600)


def suspected(bases, pace=SERVICE):
    """The second of the first suspicion, or None."""
    detector = SteadyGrowth("base", pace)
    for k, base in enumerate(bases):
        now = Sample(1e9 + 10 * k, 10.0 * k, "tick", int(base), 0, 0, 0, None, 200, 0, 0, 0.0, ())
        if detector.update(now) is not None:
            return 10 * (k + 1)
    return None


def test_a_young_service_is_suspected_of_growth_that_noise_hides():
    found = [suspected(wavering(0.05, seed=seed)) or 7200 for seed in range(6)]
    by_the_ratchet = [suspected(wavering(0.05, seed=seed), SERVICE._replace(early=0.0)) or 7200 for seed in range(6)]
    assert sorted(found)[3] <= 2400 < 3000 <= sorted(by_the_ratchet)[3]
    assert all(sooner <= later for sooner, later in zip(found, by_the_ratchet, strict=True))


def test_noise_alone_is_not_suspected_and_after_an_hour_no_line_is_looked_for():
    assert [suspected(wavering(0.0, seed=seed)) for seed in range(3)] == [None] * 3
    late = [list(wavering(0.1, begin=3600.0, seed=seed)) for seed in range(2)]
    assert [suspected(it) for it in late] == [suspected(it, SERVICE._replace(early=0.0)) for it in late]
