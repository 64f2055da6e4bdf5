"""The ratchet on hand-made meters: what it must call a leak, and what it must let pass."""

import math
import pickle
import random

import pytest

from memwatch.watch.pace import PACES, choose_pace
from memwatch.watch.sample import Growth, Sample
from memwatch.watch.steady_growth import SteadyGrowth

from ..properties import given, settings, st

MIB = 1 << 20
JOB = PACES["job"]
SERVICE = choose_pace("service", tick=10)
BASE = 50 * MIB


def reading(base, clock, rss=0, modules=200):
    return Sample(1e9 + clock, clock, "tick", int(base), rss, 0, 0, None, modules, 0, 0, 0.0, ())


def feed(detector, bases, tick, start=0.0, modules=lambda k: 200):
    """All that the detector says, by second: [(seconds, Growth)]; no early leak is confirmed."""
    words = []
    for k, base in enumerate(bases):
        growth = detector.update(reading(base, start + k * tick, modules=modules(k)))
        if growth is not None and growth.level == "early":
            detector.withdraw()
        elif growth is not None:
            words.append(((k + 1) * tick, growth))
    return words


def said(bases, pace=JOB, **kwargs):
    return feed(SteadyGrowth("base", pace), bases, pace.tick, **kwargs)


def levels(bases, **kwargs):
    return [growth.level for _, growth in said(bases, **kwargs)]


def noisy(count, deviation=0.1 * MIB, seed=1):
    """Work in flight, which only ever adds."""
    chance = random.Random(seed)
    return [BASE + deviation * chance.gammavariate(1.2, 1.0) for _ in range(count)]


def leaking(count, per_sample, begin=0, seed=1):
    return [base + per_sample * max(0, k - begin) for k, base in enumerate(noisy(count, seed=seed))]


def test_a_leak_is_suspect_after_16_seconds_and_called_one_after_64():
    words = said(leaking(480, 0.05 * MIB))
    assert [(when, growth.level) for when, growth in words[:2]] == [(16.0, "suspect"), (64.0, "leak")]


def test_a_leak_tells_rate_window_and_start():
    leak = {growth.level: growth for _, growth in said([BASE + k * 10240 for k in range(256)])}["leak"]
    assert (leak.count, leak.unit, leak.detector, leak.meter) == (8, "windows", "ratchet", "base")
    assert leak.seconds == pytest.approx(64.0)
    assert leak.rate_per_hour == pytest.approx(10240 * 4 * 3600, rel=0.01)
    assert leak.reason == "heap growth over 8 consecutive windows (1m 4s) - 140.62 mb/hr"
    assert leak.end - leak.start == pytest.approx(64.0)
    assert leak.before == pytest.approx(BASE, rel=0.01)


def test_a_climbing_sawtooth_is_a_leak():
    bases, base = [], BASE
    for k in range(480):
        base += -0.1 * MIB if k % 5 == 4 else 0.1 * MIB
        bases.append(base)
    assert "leak" in levels(bases)


def test_a_slow_leak_is_found_once_it_weighs_a_mebibyte():
    [when] = [when for when, growth in said([BASE + k * 700 for k in range(2400)]) if growth.level == "leak"]
    assert 256 < when <= 600


def test_a_start_up_rise_is_silent():
    assert levels([BASE * (2 - math.exp(-k / 80)) for k in range(4800)]) == []


@pytest.mark.parametrize("seed", range(5))
def test_steps_are_no_leak(seed):
    chance = random.Random(seed)
    steps = sorted(chance.sample(range(4800), 6))
    bases = [base + sum(2 * MIB for step in steps if step <= k) for k, base in enumerate(noisy(4800, seed=seed))]
    assert "leak" not in levels(bases)


def test_one_large_step_is_silent():
    assert levels([BASE] * 400 + [3 * BASE] * 2000) == []


def test_a_sawtooth_that_comes_back_is_never_called_a_leak():
    assert "leak" not in levels([BASE + (k % 100) * 0.1 * MIB for k in range(4800)])


@pytest.mark.parametrize("blocks", [0.95, 0.97, 1.94])
def test_a_cycle_that_beats_with_the_blocks_is_no_leak(blocks):
    """Blocks of about one period, or several, move by a slow and steady beat; the cycle itself begins at its height."""
    period = 1024 / blocks
    bases = [BASE * (1.5 + 0.5 * math.cos(2 * math.pi * k / period)) for k in range(20 * 1024)]
    assert "leak" not in levels(bases)


def test_growth_of_less_than_a_mebibyte_is_no_leak():
    assert "leak" not in levels([BASE + k * 100 for k in range(4800)])


def test_growth_below_one_per_cent_of_the_base_is_no_leak():
    assert "leak" not in levels([100 * BASE + k * 10000 for k in range(2400)])


@pytest.mark.parametrize("count", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_a_million_flat_samples_are_silent(count):
    flat = noisy(1000)
    assert said(flat[k % 1000] for k in range(count)) == []


def test_a_leak_that_starts_late_in_a_long_life_is_found_within_the_cap():
    """A share of a day-long life alone would ask for more than two hours."""
    begin = 4 * 86400
    words = said(leaking(begin + 4 * 3600, 0.001 * MIB, begin), start=0.0)
    [when] = [when for when, growth in words if growth.level == "leak"][:1]
    assert 0 < when - begin / 4 <= JOB.confirm_cap * 1.5


def test_in_a_service_a_late_leak_by_half_of_the_base_an_hour_is_found_within_four_hours():
    begin = 30 * 8640
    words = said(leaking(begin + 4 * 360, BASE / 720, begin), pace=SERVICE)
    assert [growth.level for _, growth in words][:2] == ["suspect", "leak"]


def test_in_a_service_slow_growth_waits_for_the_end_of_the_first_day():
    words = said(leaking(3 * 8640, 0.003 * MIB), pace=SERVICE)
    [when] = [when for when, growth in words if growth.level == "leak"][:1]
    assert 86400 <= when <= 1.5 * 86400


def early(bases, confirm=lambda n: False, pace=SERVICE):
    """[(seconds, level)] where the n-th early leak counts as one if *confirm* says so."""
    detector, words, asked = SteadyGrowth("base", pace), [], 0
    for k, base in enumerate(bases):
        growth = detector.update(reading(base, k * pace.tick))
        if growth is not None:
            words.append(((k + 1) * pace.tick, growth.level))
            if growth.level == "early":
                asked += 1
                if not confirm(asked):
                    detector.withdraw()
    return words


@pytest.mark.parametrize(("hourly", "latest"), [(0.3, 25), (0.05, 60), (0.025, 2 * 60)])
def test_in_a_service_growth_is_put_up_for_evidence_the_sooner_the_faster_it_is(hourly, latest):
    bases = [BASE * (1 + hourly * k * SERVICE.tick / 3600) for k in range(3 * 3600)]
    (suspected, level), (when, next_level) = early(bases)[:2]
    assert (level, next_level) == ("suspect", "early")
    assert suspected + SERVICE.early <= when < 60 * latest - SERVICE.early / 2  # there is time for a second look


def test_a_job_is_told_nothing_early():
    assert {level for _, level in early(leaking(8640, 0.3 * MIB), pace=JOB)} == {"suspect", "leak"}


def test_an_early_leak_without_evidence_changes_nothing():
    bases = leaking(3 * 8640, 0.003 * MIB)
    refused = [word for word in early(bases) if word[1] != "early"]
    assert refused == [(when, growth.level) for when, growth in said(bases, pace=SERVICE)] and len(refused) > 1


def test_an_early_leak_that_is_confirmed_is_not_told_again_for_four_windows():
    words = early(leaking(8640, 0.01 * MIB), confirm=lambda n: n == 2)
    told = [when for when, level in words if level == "early"]
    assert told[2] - told[1] > 3 * told[1] - 3600


def hastened(pace, hourly, seconds=3600):
    """When growth is suspected, put up, and put up after a look each minute; from the suspicion on noise is much."""
    detector, found = SteadyGrowth("base", pace), {}
    for k in range(int(seconds / pace.tick)):
        wave = 0.03 * math.sin(k * pace.tick / 120) if "suspect" in found else 0.0
        now = reading(BASE * (1 + hourly * k * pace.tick / 3600 + wave), k * pace.tick)
        growth = detector.update(now)
        looked = growth is None and k % (60 / pace.tick) == 0
        growth = detector.hasten(now) if looked else growth
        if growth is not None:
            found.setdefault(f"{growth.level} {'by a look' * looked}".strip(), k * pace.tick)
            detector.withdraw()
    return found


@pytest.mark.parametrize(("hourly", "latest"), [(0.3, 25), (0.05, 60)])
def test_after_a_look_growth_is_put_up_though_the_noise_lets_no_window_rise(hourly, latest):
    found = hastened(SERVICE, hourly)
    assert "early" not in found and found["suspect"] + SERVICE.early <= found["early by a look"] < 60 * latest


@pytest.mark.parametrize(("hump", "is_put_up"), [(0.0, True), (0.08, False)])
def test_growth_whose_window_began_on_a_hump_waits_for_a_window_that_shows_its_rate(hump, is_put_up):
    detector = SteadyGrowth("base", SERVICE)
    for clock in range(0, 2001, 10):
        now = reading(BASE * (1 + 0.3 * clock / 3600 + hump * (640 <= clock < 1300)), clock)
        if (growth := detector.update(now)) is not None and growth.level == "early":
            detector.withdraw()
    assert (detector.hasten(now) is not None) is is_put_up


def test_a_look_puts_nothing_up_where_there_was_no_suspicion_or_at_the_pace_of_a_job():
    assert hastened(SERVICE, 0.0) == {} and "early by a look" not in hastened(JOB, 0.3, 300)


def test_growth_that_goes_away_is_taken_back_within_eight_samples():
    bases = [BASE + k * 0.05 * MIB for k in range(280)]
    words = said([*bases, *[BASE] * 40])
    assert [growth.level for _, growth in words] == ["suspect", "leak", "recovered"]
    assert words[2][0] == (280 + 8) * 0.25 and words[2][1].growth < -11 * MIB
    assert [growth.level for _, growth in said([*bases, *[BASE] * 7])] == ["suspect", "leak"]  # it just ends


def test_modules_without_end_do_not_hide_a_leak_for_ever():
    words = said([BASE + k * 0.05 * MIB for k in range(20000)], modules=lambda k: 200 + k)
    assert [growth.level for _, growth in words][:2] == ["suspect", "leak"]


def test_steady_growth_is_reported_ever_more_rarely():
    times = [when for when, growth in said([BASE + k * 0.05 * MIB for k in range(14400)]) if growth.level == "leak"]
    assert times == [64.0, 256.0, 1024.0]


def test_a_much_faster_leak_on_top_of_a_reported_one_is_reported_without_waiting():
    bases = [BASE + k * 0.02 * MIB + max(0, k - 2000) * 0.2 * MIB for k in range(4000)]
    times = [when for when, growth in said(bases) if growth.level == "leak"]
    assert any(500 < when < 600 for when in times)


@pytest.mark.parametrize(("seconds", "leaks", "still"), [(70, 1, 48), (400, 2, 48), (1300, 3, 128), (1900, 3, 128)])
def test_growth_that_stops_is_recovered_within_minutes_however_long_its_window(seconds, leaks, still):
    chance = noisy(4 * seconds + 1200, 0.05 * MIB)
    words = said([base + min(k, 4 * seconds) * 0.05 * MIB for k, base in enumerate(chance)])
    assert [growth.level for _, growth in words] == ["suspect", *["leak"] * leaks, "recovered"]
    assert words[-1][0] == pytest.approx(seconds + still, abs=4)


@pytest.mark.parametrize(("on", "off"), [(20, 20), (60, 60), (100, 600)])
def test_growth_in_bursts_is_recovered_once_at_most_and_told_again(on, off):
    bases, leaked = [], 0.0
    for k, base in enumerate(noisy(4 * 7200)):
        leaked += 0.05 * MIB * (k / 4 % (on + off) < on)
        bases.append(base + leaked)
    words = levels(bases)
    assert words.count("recovered") == (off > 40) and words[-1] == "leak"


def test_a_burst_of_work_does_not_end_a_leak():
    bases = [base + 20 * MIB * (560 < k < 660) for k, base in enumerate(leaking(4800, 0.05 * MIB))]
    assert "recovered" not in levels(bases)


def test_growth_that_stops_later_is_recovered_later():
    bases = [BASE + min(k, 2000) * 0.05 * MIB for k in range(8000)]
    assert levels(bases)[-1] == "recovered"


def test_a_leak_that_goes_on_is_never_recovered():
    assert "recovered" not in levels(leaking(20000, 0.02 * MIB))


def test_a_dismissed_suspicion_is_asked_again_on_a_window_twice_as_long():
    detector, bases = SteadyGrowth("base", JOB), [BASE + k * 0.05 * MIB for k in range(2000)]
    [(_, suspicion)] = feed(detector, bases[:70], 0.25)
    assert suspicion.seconds == pytest.approx(16.0)
    detector.dismiss(suspicion)
    words = feed(detector, bases[70:], 0.25, start=70 * 0.25)
    assert words[0][1].level == "suspect"
    assert words[0][1].seconds == pytest.approx(32.0)


def test_a_dismissed_leak_is_asked_again_on_a_window_twice_as_long_and_does_not_recover():
    detector, bases = SteadyGrowth("base", JOB), [BASE + k * 0.05 * MIB for k in range(4000)]
    (_, suspicion), (_, leak) = feed(detector, bases[:256], 0.25)
    assert (suspicion.level, leak.level) == ("suspect", "leak")
    detector.withdraw()
    detector.dismiss(leak)
    words = feed(detector, bases[256:], 0.25, start=64.0)
    assert [(growth.level, round(growth.seconds)) for _, growth in words[:2]] == [("suspect", 128), ("leak", 128)]
    stopped = SteadyGrowth("base", JOB)
    feed(stopped, bases[:256], 0.25)
    stopped.withdraw()
    stopped.dismiss(leak)
    assert feed(stopped, [bases[255]] * 4000, 0.25, start=64.0) == []


def test_dismissing_a_later_candidate_leaves_the_published_leak_to_recover():
    detector, bases = SteadyGrowth("base", JOB), [BASE + k * 0.05 * MIB for k in range(1024)]
    words = feed(detector, bases, 0.25)
    assert [growth.level for _, growth in words] == ["suspect", "leak", "leak"]
    detector.withdraw()
    detector.dismiss(words[-1][1])
    after = feed(detector, [bases[-1]] * 4000, 0.25, start=256.0)
    assert [growth.level for _, growth in after] == ["recovered"]


def test_a_leak_that_is_withdrawn_comes_again_with_the_next_block():
    detector, bases = SteadyGrowth("base", JOB), [BASE + k * 0.05 * MIB for k in range(400)]
    feed(detector, bases[:256], 0.25)
    detector.withdraw()
    (when, again), *_ = feed(detector, bases[256:], 0.25, start=64.0)
    assert (again.level, round(again.seconds)) == ("leak", 64) and when <= 64 / 8


@pytest.mark.parametrize(("faster", "seconds"), [(1, 128), (5, 16)])
def test_what_was_dismissed_in_another_meter_is_asked_again_on_a_window_twice_as_long_unless_much_faster(
    faster, seconds
):
    detector, bases = SteadyGrowth("rss", JOB), [BASE + k * 0.25 * faster * MIB for k in range(2000)]
    samples = [reading(base, k * 0.25, rss=int(base)) for k, base in enumerate(bases)]
    assert [growth.level for sample in samples[:200] if (growth := detector.update(sample))] == ["suspect"]
    detector.dismiss(Growth("leak", "ratchet", "base", 0.0, 64.1, 64.1, int(BASE), round(64.1 * MIB), 8, "windows"))
    again = next(growth for sample in samples[200:] if (growth := detector.update(sample)))
    assert (again.level, round(again.seconds)) == ("suspect", seconds)


def test_what_another_kind_of_detector_saw_is_none_of_its_business():
    detector, bases = SteadyGrowth("base", JOB), [BASE + k * 0.05 * MIB for k in range(400)]
    feed(detector, bases[:100], 0.25)
    detector.dismiss(Growth("leak", "seasonal", "base", 0.0, 1e5, 1e5, int(BASE), 1 << 30, 3, "days"))
    assert [growth.level for _, growth in feed(detector, bases[100:], 0.25, start=25.0)] == ["leak"]


def test_a_suspicion_that_is_not_renewed_lapses():
    bases = [BASE + min(k, 70) * 0.05 * MIB for k in range(3000)]
    later = [bases[-1] + k * 0.05 * MIB for k in range(3000)]
    assert levels(bases + later)[:3] == ["suspect", "suspect", "leak"]


def test_growth_while_modules_are_imported_is_only_suspect():
    words = said([BASE + k * 0.05 * MIB for k in range(400)], modules=lambda k: 200 + max(0, k - 80))
    assert [growth.level for _, growth in words] == ["suspect"]


def test_modules_that_come_without_end_are_a_leak():
    """A start-up ends; what makes a module for each request leaks."""
    words = said([BASE + k * 0.2 * MIB for k in range(1800)], modules=lambda k: 200 + 12 * k)
    assert [growth.level for _, growth in words][:2] == ["suspect", "leak"]


def test_a_few_imports_excuse_nothing():
    assert "leak" in levels([BASE + k * 0.05 * MIB for k in range(400)], modules=lambda k: 200 + k // 100)


@pytest.mark.parametrize("tick", [0.05, 0.25, 1.0, 4.0])
def test_windows_are_seconds_whatever_the_tick(tick):
    pace = choose_pace("job", tick=tick)
    words = said([BASE + k * tick * 0.2 * MIB for k in range(int(150 / tick))], pace=pace)
    [when] = [when for when, growth in words if growth.level == "leak"][:1]
    assert when == pytest.approx(pace.seconds_to_judge, abs=2 * tick)


def test_the_least_reading_of_a_sample_counts():
    pace = choose_pace("job", tick=0.05)
    spikes = [BASE + (k % 5 > 0) * (k % 97) * MIB for k in range(12000)]
    assert said(spikes, pace=pace) == []


def test_late_and_missing_ticks_do_no_harm():
    chance = random.Random(3)
    detector, clock, words = SteadyGrowth("base", JOB), 0.0, []
    while clock < 300:
        clock += 0.25 * chance.choice([0.9, 1.0, 1.1, 1.3, 8.0])
        growth = detector.update(reading(BASE + clock * 0.2 * MIB, clock))
        words += [growth.level] if growth else []
    assert words[:2] == ["suspect", "leak"]


def test_a_meter_that_cannot_be_read_says_nothing():
    detector = SteadyGrowth("rss", JOB)
    assert feed(detector, [BASE + k * MIB for k in range(600)], 0.25) == []


def test_the_rss_lane_looks_at_rss():
    detector = SteadyGrowth("rss", JOB)
    words = [detector.update(reading(BASE, k * 0.25, rss=BASE + k * MIB // 10)) for k in range(300)]
    assert [(growth.level, growth.meter) for growth in words if growth] == [("suspect", "rss"), ("leak", "rss")]


def test_its_memory_is_bounded():
    detector = SteadyGrowth("base", JOB)
    feed(detector, noisy(40_000), 0.25)
    early = len(pickle.dumps(detector))
    feed(detector, noisy(80_000), 0.25, start=10_000.0)
    assert len(pickle.dumps(detector)) < early + 6000


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(-12, 12), st.floats(0, 1e6), st.sampled_from([0.0, 0.004, 0.02, 0.06]))
def test_moving_time_and_doubling_sizes_change_nothing(seed, power, shift, slope):
    """Sizes are doubled above the floors, where only shares of the base count."""
    bases = [float(1 << 10) * base for base in leaking(700, slope * MIB, seed=seed)]
    plain = [(when, growth.level) for when, growth in said(bases)]
    moved = said([base * 2.0**power if power > 0 else base for base in bases], start=shift)
    assert [(when, growth.level) for when, growth in moved] == plain


def test_a_programs_life_begins_when_it_has_been_loaded():
    """Imports win ground that a leak would have to win again; what is measured begins after them."""
    loading = [BASE * k / 20 + 1 for k in range(20)]
    words = said([*loading, *(BASE + k * 0.05 * MIB for k in range(400))], modules=lambda k: 10 + 20 * min(k, 20))
    assert [(growth.level, round(growth.seconds)) for _, growth in words[:2]] == [("suspect", 16), ("leak", 64)]
    assert words[0][1].before >= BASE
