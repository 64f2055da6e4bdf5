"""Paces: times in seconds that hold whatever the tick, and clear refusals."""

import pytest

from memwatch.errors import OptionError
from memwatch.watch.pace import PACES, choose_pace


def test_a_pace_is_found_by_its_name():
    assert choose_pace("job") == PACES["job"]
    assert choose_pace("service") == PACES["service"]


def test_a_job_is_judged_after_64_seconds_and_a_service_after_more_than_an_hour():
    assert PACES["job"].seconds_to_judge == 64
    assert 3600 <= PACES["service"].seconds_to_judge < 2 * 3600


def test_a_longer_tick_lengthens_the_sample_and_leaves_the_windows():
    pace = choose_pace("job", tick=1)
    assert (pace.tick, pace.sample) == (1.0, 1.0)
    assert (pace.min_window, pace.confirm) == (PACES["job"].min_window, PACES["job"].confirm)
    assert pace.seconds_to_judge == 64


def test_a_shorter_tick_leaves_the_sample():
    assert choose_pace("service", tick=0.25).sample == PACES["service"].sample
    assert choose_pace("job", tick=0.05).sample == PACES["job"].sample


def test_the_sample_can_be_chosen():
    assert choose_pace("service", tick=5, sample=30).sample == 30.0


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(OptionError, match=r"unknown pace 'daily'; there are: job, service"):
        choose_pace("daily")


@pytest.mark.parametrize("tick", [0, -1, 0.001, 3601, float("nan"), float("inf")])
def test_a_tick_out_of_range_is_refused(tick):
    with pytest.raises(OptionError, match=r"tick must be a number of seconds from 0.01 to 3600"):
        choose_pace("job", tick=tick)


def test_a_sample_shorter_than_a_tick_is_refused():
    with pytest.raises(OptionError, match=r"at least one tick of 2 seconds, not 1"):
        choose_pace("job", tick=2, sample=1)
