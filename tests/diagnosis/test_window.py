"""Growth in the window of a verdict, from hand-made meters, and put right by what a walk has met."""

import pytest

from memwatch.backend.meters.memory_limit import NO_LIMIT
from memwatch.diagnosis import window
from memwatch.diagnosis.assembly import _time_to_limit
from memwatch.diagnosis.window import excess_of, grew, put_right, readings_right, resident_growth
from memwatch.watch import Growth, Sample

MIB = 1 << 20


def samples(*points):
    """(second, MiB in small blocks, MiB resident) as samples."""
    return [
        Sample(float(at), float(at), "tick", small * MIB, rss * MIB, 0, small * MIB, 0, 9, 0, 0, 0.0, ())
        for at, small, rss in points
    ]


def growth(start=0.0, end=64.0, mib=10, meter="base"):
    return Growth("leak", "ratchet", meter, start, end, end - start, 20 * MIB, mib * MIB, 8, "windows")


@pytest.fixture
def inexact(monkeypatch):
    monkeypatch.setattr(window, "EXACT", False)


def test_a_window_between_sparse_samples_has_its_part_of_the_growth():
    past = samples((0, 10, 40), (100, 20, 60), (164, 20, 92))
    assert grew(growth(100, 164), past, lambda s: s.rss) == 32 * MIB
    assert grew(growth(50, 132), past, lambda s: s.rss) == 26 * MIB
    assert grew(growth(-9, 900), past, lambda s: s.rss) == 52 * MIB
    assert grew(growth(), samples((5, 1, 1)), lambda s: s.rss) == 0


def test_resident_memory_is_told_beside_base_and_is_itself_in_its_own_lane():
    past = samples((0, 10, 40), (64, 20, 70))
    assert resident_growth(growth(), past) == 30 * MIB
    assert resident_growth(growth(mib=7, meter="rss"), past) == 7 * MIB


def test_the_limit_is_reached_at_the_pace_of_whichever_grows_faster():
    assert _time_to_limit(300 * MIB, 200 * MIB, growth(mib=10), 5 * MIB) == 640.0
    assert _time_to_limit(300 * MIB, 200 * MIB, growth(mib=10), 20 * MIB) == 320.0
    assert _time_to_limit(200 * MIB, 201 * MIB, growth(mib=10), 0) == 0.0
    assert _time_to_limit(300 * MIB, 200 * MIB, growth(mib=-1), 0) is None
    assert _time_to_limit(NO_LIMIT, 200 * MIB, growth(mib=10), 0) is None  # as where there is no /proc


def test_where_blocks_are_read_as_they_are_nothing_is_put_right(monkeypatch):
    monkeypatch.setattr(window, "EXACT", True)
    assert excess_of([(32_000, 1000)], 96_000) == 0.0
    assert put_right(growth(), samples((0, 0, 0), (64, 10, 0)), 0.0) == growth()


@pytest.mark.parametrize(
    ("rows", "blocks", "bytes_per_block"),
    [
        ([(16_000, 1000)], 1000, 16),
        ([(489_000, 1000)], 1000, 496),
        ([(48_000, 1000), (24_000, 1000)], 2000, 40),
        ([(5_000_000, 1000)], 1000, 0),  # bytes objects that are malloc's
        ([(100_000, 1000)], 2000, 56),  # the list and its items
        ([], 1000, 96),
        ([(1_600, 100)], 1000, 78.4),  # 800 blocks that no walk has met
        ([(-16_000, -1000)], 1000, 96),
        ([(733_500, 1500)], 1000, 496),  # a walk that began later has met more of them
    ],
)
def test_a_block_counts_what_the_walk_has_found_in_it(inexact, rows, blocks, bytes_per_block):
    small = 96 * blocks
    assert (1 - excess_of(rows, small)) * small == pytest.approx(bytes_per_block * blocks)


def test_growth_is_put_right_for_the_part_that_small_blocks_have_in_it():
    past = samples((0, 10, 0), (64, 16, 0))
    assert put_right(growth(mib=10), past, 0.5).growth == 7 * MIB
    assert put_right(growth(mib=10), past, -1.0).growth == 16 * MIB
    assert put_right(growth(mib=10, meter="rss"), past, 0.5).growth == 10 * MIB


def test_the_curve_ends_as_much_higher_as_is_told():
    past = [s._replace(base=s.small) for s in samples((0, 10, 0), (64, 12, 0))]
    assert [it.base for it in readings_right(past, -4.0)] == [10 * MIB, 20 * MIB]
    assert readings_right(past, 0.0) == tuple(past)


def test_objects_that_fill_free_room_are_told_in_their_own_bytes():
    """500 MiB an hour of objects, of which resident memory has shown half and the meters a fifth."""
    past = [s._replace(base=s.small) for s in samples((0, 10, 40), (64, 12, 45))]
    told = put_right(growth(mib=5, meter="rss"), past, -4.0, objects=True)
    assert (told.meter, told.growth, told.before) == ("base", 10 * MIB, 10 * MIB)
    assert put_right(growth(mib=5, meter="rss"), past, -4.0).meter == "rss"
    assert put_right(growth(mib=11, meter="rss"), past, -4.0, objects=True).meter == "rss"


def test_where_nothing_was_met_nothing_is_known_better(inexact):
    assert excess_of([], 96_000) == 0.0
    assert excess_of([(16_000, 1000)], 0) == 0.0


def test_objects_of_one_size_are_told_from_those_beside_them(inexact):
    """A tuple of 480 objects of 16 bytes: 24 bytes for each object together, of which Python's small blocks have 16."""
    counts = {"object": 48_000, "tuple": 100}
    rows = window.by_size(48_000 * 24 + 5600, counts)
    assert rows == [(768_000, 48_000), (389_600, 100)]
    assert (1 - excess_of(rows, 96 * 48_000)) * 96 * 48_000 == pytest.approx(768_000)
    assert window.by_size(1000, counts) == [(1000, 48_100)]  # it is less than they take: nothing is known
