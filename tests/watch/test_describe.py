"""What a watcher says of itself."""

import pytest

from memwatch.watch.describe import describe_gap
from memwatch.watch.triggers import Ticker


@pytest.fixture
def ticker(fake_clock):
    """Ten ticks were due."""
    made = Ticker(2.0, now=fake_clock)
    fake_clock.advance(21.0)
    return made


@pytest.mark.parametrize(
    ("parked", "unread", "busy", "why"),
    [
        (True, True, 9.0, "its thread is parked for a fork"),
        (False, True, 9.0, "memory could not be read"),
        (False, False, 9.0, "it was busy with receivers or a verdict"),
        (False, False, 0.0, "its thread did not get to run"),
    ],
)
def test_less_than_half_of_what_was_due_is_a_gap(ticker, parked, unread, busy, why):
    ticker.busy = busy
    assert describe_gap(ticker, 4, parked, unread) == f"not watched: 4 readings of 10 expected, {why}"
    assert describe_gap(ticker, 5, parked, unread) == ""


def test_nothing_is_missing_before_a_few_were_due(fake_clock):
    assert describe_gap(Ticker(2.0, now=fake_clock), 0, parked=True, unread=False) == ""
