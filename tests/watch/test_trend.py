"""The averages, against node-memwatch's intended arithmetic, and none of its overflows."""

import pytest

from memwatch.watch.trend import Trend

RISING = [1_000_000 + 10_000 * n for n in range(12)] + [1_110_000, 1_120_000]
FALLING = [1_000_000] * 11 + [900_000] * 3


def after(bases):
    trend = Trend()
    for base in bases:
        trend = trend.advance(base)
    return trend


@pytest.mark.parametrize(
    ("bases", "recent", "ancient", "usage_trend"),
    [
        (RISING[:5], 1_036_735, 1_036_470, 0.0),
        (RISING[:10], 1_063_375, 1_062_943, 0.0),
        (RISING[:12], 1_071_333, 1_070_589, 0.1),
        (RISING[:13], 1_075_200, 1_073_874, 0.1),
        (RISING[:14], 1_079_680, 1_077_422, 0.2),
        (FALLING[:12], 990_000, 990_909, -0.1),
        (FALLING[:13], 981_000, 983_333, -0.2),
        (FALLING[:14], 972_900, 976_923, -0.4),
        ([600_000_000] * 10, 600_000_000, 600_000_000, 0.0),
        ([12 * 2**30] * 200, 12 * 2**30, 12 * 2**30, 0.0),
    ],
)
def test_intended_averages(bases, recent, ancient, usage_trend):
    trend = after(bases)
    assert trend.recent == pytest.approx(recent, abs=1)
    assert trend.ancient == pytest.approx(ancient, abs=1)
    assert trend.usage_trend == usage_trend


def test_the_first_reading_is_both_averages():
    assert after([42]) == Trend(1, 42.0, 42.0, 0, 0)


def test_extremes_begin_with_the_third_reading():
    assert after([1, 99]).lowest == 0
    trend = after([1, 99, 50, 40, 60])
    assert (trend.lowest, trend.highest) == (40, 60)


def test_an_empty_heap_has_no_trend():
    assert after([0, 0, 0]).usage_trend == 0.0
