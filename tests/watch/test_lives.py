"""Growth that is judged by what other lives of the same role did, and the curve by which lives are compared."""

from __future__ import annotations

import pytest

from memwatch.watch import Sample, choose_pace
from memwatch.watch.life_curve import STEPS, age_of, make_curve
from memwatch.watch.lives import SPANS, AcrossLives, Leaky, Usual
from memwatch.watch.steady_growth import SteadyGrowth

MIB = 1 << 20
LEAKY = Leaky(lives=4, seconds=600.0, rate=100 * 1024.0)


def sample(age, base):
    return Sample(1e9 + age, age, "tick", round(base(age)), 1, 1, 1, 1, 100, 0, 0, 0.0, ())


def life(detector, base, seconds, tick=1.0):
    """All that the detector says of a life whose base at an age is *base(age)*, with the ages."""
    said = [(age, detector.update(sample(age, base))) for age in (tick * index for index in range(int(seconds / tick)))]
    return [(age, growth) for age, growth in said if growth is not None]


def test_a_curve_is_the_least_of_each_stretch_of_age():
    points = make_curve((float(age), 1000 - age if age < 100 else 2000 + age) for age in range(200))
    assert len(points) == next(index for index in range(99) if age_of(index) >= 199)
    assert points[-1] == min(2000 + age for age in range(200) if age_of(len(points) - 2) < age)
    assert age_of(STEPS) == pytest.approx(3, rel=0.05)


def test_where_each_life_leaked_this_one_is_suspected_at_a_third_and_a_candidate_before_it_ends():
    detector = AcrossLives()
    detector.leaky = LEAKY
    found = life(detector, lambda age: 80 * MIB + 100 * 1024 * age, 600)
    assert [(growth.level, round(age / 600, 2)) for age, growth in found] == [("suspect", 0.33), ("early", 0.79)]
    growth = found[1][1]
    assert (growth.count, growth.unit, growth.detector) == (4, "lives", "lives")
    assert growth.growth == pytest.approx(100 * 1024 * growth.seconds, rel=0.02)
    assert growth.summary.endswith("352 MiB/h, as in each of the last 4 lives")
    assert found[0][1].seconds == 50, "the judge looks five times and more in between"


@pytest.mark.parametrize("rate", [0, 40 * 1024])
def test_one_that_grows_less_than_those_before_is_no_candidate(rate):
    detector = AcrossLives()
    detector.leaky = LEAKY
    assert [it.level for _, it in life(detector, lambda age: 80 * MIB + rate * age, 600)] == ["suspect"]


def test_a_candidate_that_is_withdrawn_is_brought_again_and_one_that_is_dismissed_is_not():
    detector = AcrossLives()
    detector.leaky = LEAKY

    def base(age):
        return 80 * MIB + 100 * 1024 * age

    (_, growth) = life(detector, base, 480)[-1]
    detector.withdraw()
    again = detector.update(sample(510, base))
    assert again is not None and again.level == "early"
    detector.dismiss(growth)
    detector.withdraw()
    detector.dismiss(growth)
    assert detector.update(sample(560, base)) is None


def usual_of(growth, spread, most):
    row = tuple((growth, spread, most) for _ in range(100))
    return Usual(lives=30, growths=dict.fromkeys(SPANS, row))


def test_more_growth_than_all_lives_before_is_told_within_the_hour():
    detector = AcrossLives()
    detector.usual = usual_of(0.1 * MIB, 0.1 * MIB, 0.3 * MIB)
    found = life(detector, lambda age: (400 + 5.0 * age / 3600) * MIB, 3600, tick=10.0)
    assert [growth.level for _, growth in found] == ["suspect", "early"] and found[1][0] < 3600
    note = found[1][1].note
    assert note.endswith("MiB/h more than in the last 30 lives") and 4.0 < float(note.split()[0]) < 5.5


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_as_much_growth_as_lives_had_before_is_nothing(rate):
    detector = AcrossLives()
    detector.usual = usual_of(0.1 * MIB, 0.1 * MIB, 0.3 * MIB)
    assert life(detector, lambda age: (400 + rate * age / 3600) * MIB, 3600, tick=10.0) == []


def test_a_forked_child_is_another_life():
    detector = AcrossLives()
    detector.leaky = LEAKY
    life(detector, lambda age: 80 * MIB, 300)
    detector.begin_anew()
    assert detector.leaky is None and life(detector, lambda age: 80 * MIB + 1e6 * age, 600) == []


def test_a_known_warm_up_ends_the_patience_of_a_first_day():
    def told_after(settled):
        detector = SteadyGrowth("base", choose_pace("service"))
        if settled:
            detector.settle(settled)
        for tick in range(3 * 8640):
            age = 10.0 * tick
            growth = detector.update(sample(age, lambda age: (400 + 5 * age / 3600) * MIB))
            if growth is not None and growth.level == "leak":
                return age / 3600
            detector.withdraw()  # the judge wants to see more of it
        return None

    assert told_after(None) > 24 and told_after(1200.0) < 5
