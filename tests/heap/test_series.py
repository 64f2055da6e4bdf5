"""Readings of a heap's totals: which types only ever grow, in bounded memory."""

from __future__ import annotations

import gc
from array import array

import pytest

from memwatch.errors import OptionError
from memwatch.heap import Census, MonotoneType, TypeCount, TypeSeries

from ..properties import given, st


def read(*readings: dict[str, tuple[int, int]], most: int = 500) -> TypeSeries:
    series = TypeSeries(most)
    for second, totals in enumerate(readings):
        series.add(totals, 10.0 * second)
    return series


def of(what: str, *sizes: int) -> list[dict[str, tuple[int, int]]]:
    return [{what: (size // 10, size)} for size in sizes]


def test_a_type_that_only_grows_is_a_ratchet() -> None:
    assert read(*of("app.Order", 100, 200, 300, 400)).ratchets() == (
        MonotoneType("app.Order", readings=4, growth=300, monotone_share=1.0, objects=30, seconds=30.0),
    )


def test_a_pause_in_growth_lowers_the_share() -> None:
    (ratchet,) = read(*of("list", 100, 200, 200, 200, 400)).ratchets()
    assert (ratchet.readings, ratchet.growth, ratchet.monotone_share) == (5, 300, 0.5)


def test_a_fall_begins_anew() -> None:
    (ratchet,) = read(*of("str", 100, 900, 800, 850)).ratchets()
    assert (ratchet.readings, ratchet.growth, ratchet.seconds) == (2, 50, 10.0)
    assert read(*of("str", 100, 900, 800)).ratchets() == ()


def test_a_look_right_after_another_is_left_out() -> None:
    series = TypeSeries()
    for time, size in ((0.0, 1000), (60.0, 2000), (120.0, 3000), (122.0, 2990), (180.0, 4000)):
        series.add({"str": (size, size)}, time)
    (grown,) = series.ratchets()
    assert (series.readings, grown.readings, grown.growth, grown.monotone_share) == (4, 4, 3000, 1.0)


def test_a_type_that_was_gone_begins_anew() -> None:
    (ratchet,) = read(*of("a", 100, 200), {}, *of("a", 300, 400)).ratchets()
    assert (ratchet.readings, ratchet.growth) == (2, 100)


def test_what_stays_is_no_ratchet_and_one_reading_says_nothing() -> None:
    assert read(*of("a", 100, 100, 100)).ratchets() == () == read(*of("a", 100)).ratchets() == TypeSeries().ratchets()


def test_most_growth_comes_first() -> None:
    series = read({"a": (1, 10), "b": (1, 10), "c": (1, 10)}, {"a": (1, 20), "b": (1, 90), "c": (1, 20)})
    assert [ratchet.what for ratchet in series.ratchets()] == ["b", "a", "c"]
    assert series.readings == 2


def test_a_census_is_read_as_its_totals_are() -> None:
    series = TypeSeries()
    for size in (10, 30):
        series.add(Census(0.0, True, (TypeCount("a", size // 10, size),)), float(size))
    assert series.ratchets() == (MonotoneType("a", 2, 20, 1.0, 2, 20.0),)


def test_only_so_many_types_are_kept_those_that_grew_before_all() -> None:
    first = {f"t{number}": (1, number) for number in range(1000)}
    series = read(first, {**first, "t995": (2, 5000)}, {**first, "t995": (2, 6000), "t7": (9, 9000)}, most=10)
    assert [ratchet.what for ratchet in series.ratchets()] == ["t995"]
    assert len(series._streaks) == 10


def test_it_keeps_numbers_and_names_alone() -> None:
    series = read(*of("a", 1, 2))
    found = gc.get_referents(*series._streaks.values())
    assert {type(it) for it in found} <= {int, float, array, type}


def test_the_second_half_is_compared_with_the_first() -> None:
    even, slower = read(*of("a", 10, 20, 30, 40, 50)), read(*of("a", 10, 20, 30, 36, 42))
    assert even.ratchets()[0].steadiness == 1.0
    assert slower.ratchets()[0].steadiness == pytest.approx(0.6)


def test_objects_are_counted_by_the_clock_or_by_the_work_that_was_done() -> None:
    idle, starved = TypeSeries(), TypeSeries()
    for number, count in enumerate((0, 100, 200, 240, 280)):
        idle.add({"a": (count, 500 + number)}, 10.0 * number, 1.0 * number)
        starved.add({"a": (count, 500 + number)}, 10.0 * number, count / 100)
    assert idle.ratchets()[0].flow == pytest.approx(0.4)
    assert starved.ratchets()[0].flow == pytest.approx(1.0)


def test_less_than_one_type_is_refused() -> None:
    with pytest.raises(OptionError, match="1 or more"):
        TypeSeries(0)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 50)), min_size=2, max_size=12))
def test_against_a_plain_search(readings: list[dict[str, int]]) -> None:
    series = read(*({what: (1, size) for what, size in reading.items()} for reading in readings))
    for what in "abc":
        sizes = [reading.get(what, -1) for reading in readings]
        begin = len(sizes)
        while begin and sizes[begin - 1] >= 0 and (begin == len(sizes) or sizes[begin - 1] <= sizes[begin]):
            begin -= 1
        streak = sizes[begin:]
        found = next((ratchet for ratchet in series.ratchets() if ratchet.what == what), None)
        if len(streak) < 2 or streak[-1] == streak[0]:
            assert found is None
        else:
            assert found is not None
            assert (found.readings, found.growth) == (len(streak), streak[-1] - streak[0])
