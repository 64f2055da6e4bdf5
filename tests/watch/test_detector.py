"""The rule over collections, and which detectors a pace calls for."""

import itertools

import pytest

from memwatch.errors import OptionError
from memwatch.watch.consecutive_growth import ConsecutiveGrowth
from memwatch.watch.detectors import make_detectors
from memwatch.watch.pace import PACES
from memwatch.watch.sample import Growth, Sample

from ..properties import given, st

MIB = 1 << 20


def collection(base, clock, trigger="forced"):
    return Sample(1e9 + clock, clock, trigger, base, 0, 0, 0, None, 100, 0, 0, 0.0, ())


def said(bases, detector=None, every=4.0, trigger="forced"):
    """What the rule says of these bases, one collection each `every` seconds, but for suspicions: (index, Growth)."""
    detector = detector or ConsecutiveGrowth()
    growths = [detector.update(collection(base, k * every, trigger)) for k, base in enumerate(bases)]
    return [(k, growth) for k, growth in enumerate(growths) if growth is not None and growth.level != "suspect"]


def levels(bases, **kwargs):
    return [(k, growth.level) for k, growth in said(bases, **kwargs)]


def rising(start, rounds, step=MIB):
    return [start + k * step for k in range(rounds + 1)]


def test_six_rounds_of_growth_bring_exactly_one_leak():
    assert levels(rising(50 * MIB, 6)) == [(5, "leak")]


def test_six_level_rounds_bring_none():
    assert levels([50 * MIB] * 7) == []


def test_growth_is_measured_from_the_reading_before_the_first_growth():
    [(_, leak)] = said(rising(50 * MIB, 5))
    assert (leak.before, leak.growth, leak.seconds) == (50 * MIB, 5 * MIB, 20.0)
    assert (leak.count, leak.unit, leak.meter, leak.detector) == (5, "GCs", "base", "consecutive")
    assert leak.reason == "heap growth over 5 consecutive GCs (20s) - 900 mb/hr"


def test_node_memwatchs_own_example_reads_the_same():
    step = 67984 * 100 / 5
    [(_, leak)] = said([int(10**8 + k * step) for k in range(6)], every=4.0)
    assert leak.reason == "heap growth over 5 consecutive GCs (20s) - 1167.02 mb/hr"


def test_the_first_collection_is_no_growth():
    assert levels(rising(50 * MIB, 4)) == []


def test_an_equal_reading_ends_the_row():
    bases = [*rising(50 * MIB, 4), 54 * MIB, 55 * MIB]
    assert levels(bases) == []


def test_three_growths_before_a_leak_it_is_suspected():
    rule = ConsecutiveGrowth()
    words = [rule.update(collection(base, float(k))) for k, base in enumerate(rising(50 * MIB, 3))]
    assert [word and (word.level, word.count) for word in words] == [None, None, ("suspect", 2), None]


def test_trivial_growth_is_not_even_suspected():
    rule = ConsecutiveGrowth()
    assert [rule.update(collection(base, float(k))) for k, base in enumerate(rising(50 * MIB, 4, step=1000))] == [
        None
    ] * 5


def test_five_growths_of_one_byte_are_silent():
    assert levels(rising(50 * MIB, 5, step=1)) == []


def test_growth_below_one_per_cent_waits_until_it_is_more():
    bases = rising(1000 * MIB, 12)
    [(index, leak)] = said(bases)
    assert (index, leak.count, leak.growth) == (10, 10, 10 * MIB)


def test_a_window_of_no_length_is_silent_and_the_row_goes_on():
    detector = ConsecutiveGrowth()
    bases = rising(50 * MIB, 6)
    words = [detector.update(collection(base, 5.0)) for base in bases[:6]]
    assert [word.level for word in words if word] == ["suspect"]
    leak = detector.update(collection(bases[6], 6.0))
    assert (leak.count, leak.growth, leak.seconds) == (6, 6 * MIB, 1.0)


def test_steady_growth_is_reported_ever_more_rarely():
    assert levels(rising(50 * MIB, 100)) == [(5, "leak"), (15, "leak"), (35, "leak"), (75, "leak")]


def test_growth_that_goes_away_is_recovered_and_the_rule_starts_afresh():
    up, down = rising(50 * MIB, 5), [52 * MIB, 51 * MIB]
    assert levels([*up, *down, *up[2:], 56 * MIB]) == [(5, "leak"), (7, "recovered"), (12, "leak")]


def test_recovered_tells_what_was_freed_since_the_leak():
    (_, leak), (_, recovered) = said([*rising(50 * MIB, 5), 50 * MIB])
    assert (recovered.level, recovered.before, recovered.growth) == ("recovered", 55 * MIB, -5 * MIB)
    assert recovered.start == leak.end


def test_a_small_fall_is_no_recovery_and_keeps_the_rule_quiet():
    saw = [base for k in range(1, 6) for base in rising((50 + 4 * k) * MIB, 5)]
    assert [level for _, level in levels(saw)] == ["leak"]


def test_growth_that_stops_for_as_many_collections_is_recovered_and_told_again_after_twice_as_many():
    up, still = rising(50 * MIB, 5), [55 * MIB] * 5
    assert levels([*up, *still[:4]]) == [(5, "leak")]
    assert levels([*up, *still, *rising(56 * MIB, 10)]) == [(5, "leak"), (10, "recovered"), (20, "leak")]


def test_growth_that_goes_on_more_slowly_is_not_recovered():
    falling = [55 * MIB + MIB // 2 * (k - k % 2) - k % 2 for k in range(20)]
    assert levels([*rising(50 * MIB, 5), *falling]) == [(5, "leak")]


def test_two_leaks_recover_together():
    bases = [*rising(50 * MIB, 15), 59 * MIB, 51 * MIB]
    assert levels(bases) == [(5, "leak"), (15, "leak"), (17, "recovered")]


def test_a_dismissed_leak_does_not_recover_and_stays_dear():
    detector = ConsecutiveGrowth()
    [(_, leak)] = said(rising(50 * MIB, 5), detector=detector)
    detector.withdraw()
    detector.dismiss(leak)
    assert levels(rising(56 * MIB, 4), detector=detector) == []
    assert levels([50 * MIB], detector=detector) == []
    assert levels(rising(51 * MIB, 5), detector=detector) != []


def test_a_leak_that_is_withdrawn_comes_again_with_the_next_growth():
    detector = ConsecutiveGrowth()
    assert levels(rising(50 * MIB, 5), detector=detector) == [(5, "leak")]
    detector.withdraw()
    leak = detector.update(collection(56 * MIB, 24.0))
    assert (leak.level, leak.count, leak.growth) == ("leak", 6, 6 * MIB)


def test_growth_that_is_large_enough_late_is_suspected_late():
    rule, bases = ConsecutiveGrowth(), [0, 1, 2, 3, 300_000, 2 * MIB]
    words = [rule.update(collection(50 * MIB + base, float(k))) for k, base in enumerate(bases)]
    assert [word.level for word in words if word] == ["suspect", "leak"] and words[4].count == 4


def test_what_another_kind_of_detector_saw_is_none_of_its_business():
    detector = ConsecutiveGrowth()
    detector.update(collection(50 * MIB, 0.0))
    detector.dismiss(Growth("leak", "ratchet", "base", 0.0, 64.0, 64.0, 0, MIB, 8, "windows"))
    assert levels(rising(50 * MIB, 5), detector=detector) == [(5, "leak")]


@pytest.mark.parametrize("trigger", ["tick", "gc", "exit"])
def test_only_forced_collections_count(trigger):
    assert levels(rising(50 * MIB, 20), trigger=trigger) == []


@given(st.lists(st.integers(0, 1 << 34), max_size=60))
def test_a_leak_always_spans_a_row_of_growth_and_a_recovery_follows_a_leak(bases):
    open_leak = False
    for index, growth in said(bases):
        if growth.level == "leak":
            row = bases[index - growth.count : index + 1]
            assert growth.count >= 5
            assert all(later > earlier for earlier, later in itertools.pairwise(row))
            assert growth.growth == row[-1] - row[0] >= max(MIB, 0.01 * row[0])
            open_leak = True
        else:
            assert open_leak
            assert growth.growth < 0
            open_leak = False


@given(st.lists(st.integers(0, 1 << 30), max_size=60), st.floats(0, 1e9))
def test_moving_the_clock_changes_nothing(bases, shift):
    detector = ConsecutiveGrowth()
    moved = [detector.update(collection(base, k * 4.0 + shift)) for k, base in enumerate(bases)]
    assert [(k, growth.level) for k, growth in enumerate(moved) if growth and growth.level != "suspect"] == levels(
        bases
    )


def test_a_job_is_watched_by_collections_and_by_both_meters():
    found = [(detector.name, getattr(detector, "meter", None)) for detector in make_detectors(PACES["job"])]
    assert found == [("consecutive", None), ("ratchet", "base"), ("ratchet", "rss")]


def test_a_service_is_also_watched_from_day_to_day():
    found = [(detector.name, getattr(detector, "meter", None)) for detector in make_detectors(PACES["service"])]
    assert found == [("consecutive", None), ("ratchet", "base"), ("ratchet", "rss"), ("seasonal", "base")]


@pytest.mark.parametrize("trigger", ["gc", "forced"])
def test_node_memwatchs_rule_alone_takes_natural_collections_too(trigger):
    [detector] = make_detectors(PACES["job"], "consecutive")
    assert levels(rising(50 * MIB, 5), detector=detector, trigger=trigger) == [(5, "leak")]


def test_an_unknown_detector_is_refused_with_the_known_ones():
    with pytest.raises(OptionError, match=r"unknown detector 'cusum'; there are: consecutive, ratchet"):
        make_detectors(PACES["job"], "cusum")
