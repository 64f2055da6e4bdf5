"""The verdict from hand-made meters."""

from dataclasses import replace

import pytest

from memwatch.backend.census import pure
from memwatch.backend.meters.resident import Mapped
from memwatch.diagnosis import Account, TypeRow, verdict
from memwatch.diagnosis.budget import Allowance, Budget
from memwatch.diagnosis.verdict import (
    belongs_to_threads,
    classify,
    garbage_share,
    has_slowed,
    has_stopped,
    is_past_python,
    reads_its_files,
    writes_to_its_own,
)
from memwatch.retain import expected_search
from memwatch.watch import Growth, Sample

MIB = 1 << 20


def samples(*points):
    """(second, MiB in blocks, MiB native, MiB resident[, full collections]) as samples."""
    return [
        Sample(
            float(second), float(second), "tick", (blocks + native) * MIB, rss * MIB, blocks * MIB // 96, blocks * MIB,
            native * MIB, 100, full[0] if full else 0, 0, 0.0, ("arenas", "native", "rss"),
        )
        for second, blocks, native, rss, *full in points
    ]  # fmt: skip


def growth(start, end, mib, meter="base"):
    return Growth("leak", "ratchet", meter, start, end, end - start, 20 * MIB, mib * MIB, 8, "windows")


def account(mib, walked=True, sampled=True, samples=0, **kinds):
    """So many MiB, and what of them is known, by kind."""
    rows = [TypeRow(kind, 1, 0, round(part * MIB), True, kind, samples) for kind, part in kinds.items()]
    return Account(mib * MIB, tuple(rows), walked, sampled)


@pytest.mark.parametrize(
    ("base", "meter", "is_own"), [(100, "rss", True), (62, "rss", True), (55, "rss", False), (100, "base", False)]
)
def test_what_was_asked_for_before_becomes_resident_as_it_is_written_to(base, meter, is_own):
    """Resident memory grows by 40 MiB, from 42 on, of so many that were asked for."""
    past = samples((0, 5, 5, 40), (64, 10, base - 10, 42), (128, 10, base - 10, 82))
    assert writes_to_its_own(growth(64, 128, 40, meter), past) is is_own


@pytest.mark.parametrize(
    ("meter", "shared", "mapped", "is_own"),
    [("rss", 38, 0, True), ("rss", 38, 40, False), ("rss", 5, 0, False), ("base", 38, 0, False)],
    ids=["a file that is read", "a new segment", "memory of its own", "what was asked for"],
)
def test_pages_of_a_mapped_file_come_into_memory(meter, shared, mapped, is_own):
    """Resident memory grows by 40 MiB, so many of them shared; so much is mapped anew."""
    before, now = Mapped(1000 * MIB, 10 * MIB), Mapped((1000 + mapped) * MIB, (10 + shared) * MIB)
    assert reads_its_files(growth(64, 128, 40, meter), 40 * MIB, before, now) is is_own
    assert not reads_its_files(growth(64, 128, 40, meter), 40 * MIB, None, now)


@pytest.mark.parametrize(
    ("meter", "threads", "is_theirs"), [("rss", 16, True), ("rss", 6, False), ("base", 16, False), ("rss", 0, False)]
)
def test_stacks_of_new_threads_come_into_memory(meter, threads, is_theirs):
    assert belongs_to_threads(growth(64, 128, 4, meter), 4 * MIB, threads) is is_theirs


BLOCKS = samples((0, 10, 10, 40), (64, 20, 10, 50))
MALLOC = samples((0, 10, 10, 40), (64, 10, 20, 50))


@pytest.mark.parametrize(
    ("past", "found", "verdict"),
    [
        (BLOCKS, account(10, objects=9.7), "objects"),
        (MALLOC, account(10, objects=9.9), "objects"),  # large buffers
        (MALLOC, account(10, objects=1, untracked=8, samples=90), "untracked"),  # large objects that were lost
        (BLOCKS, account(10, objects=1, native=8, samples=90), "native"),
        (BLOCKS, account(10, sampled=False, objects=0.2), "untracked"),  # the meters tell what no walk has met
        (BLOCKS, account(10, objects=4), "objects"),  # what was lost would be among the samples
        (MALLOC, account(10, objects=0.1), "native"),
        (MALLOC, account(10, walked=False, objects=8, samples=90), "objects"),
        (MALLOC, account(10, walked=False, native=8, samples=90), "native"),
        (MALLOC, account(10, walked=False, objects=1, samples=90), "native"),  # what is Python's is sampled
        (BLOCKS, account(10, walked=False, objects=1, samples=90), "unknown"),
        (BLOCKS, account(10, walked=False, sampled=False), "unknown"),
        (MALLOC, account(10, walked=False, sampled=False), "unknown"),
    ],
)
def test_the_verdict_is_what_was_shown(past, found, verdict):
    assert classify(growth(0, 64, 10), past, found) == verdict


def test_samples_of_large_objects_are_no_native_memory_where_few_of_them_are_known_to_be_held():
    past = samples((0, 5, 5, 42), (64, 5, 45, 82))
    found = replace(account(40, walked=False, objects=10), typed=30 * MIB)
    assert classify(growth(0, 64, 40), past, found) == "objects"
    assert classify(growth(0, 64, 40), past, replace(found, typed=10 * MIB)) == "native"


def test_growth_is_past_python_where_blocks_do_not_explain_half_of_it():
    assert is_past_python(growth(0, 64, 20), samples((0, 10, 10, 40), (64, 10, 30, 60)))
    assert is_past_python(growth(0, 64, 20), samples((0, 10, 10, 40), (64, 19, 21, 60)))
    assert not is_past_python(growth(0, 64, 20), samples((0, 10, 10, 40), (64, 21, 19, 60)))
    assert is_past_python(growth(0, 64, 20, meter="rss"), samples((0, 10, 10, 40), (64, 10, 10, 60)))
    assert not is_past_python(growth(32, 64, 8), samples((0, 10, 30, 40), (32, 10, 10, 40), (64, 18, 10, 48)))
    assert is_past_python(growth(99, 100, 8), samples((0, 10, 10, 40)))


def test_resident_memory_alone_is_native():
    past = samples((0, 10, 10, 40), (64, 10, 10, 80))
    assert classify(growth(0, 64, 40, meter="rss"), past, account(40)) == "native"


@pytest.mark.parametrize(("exact", "told"), [(True, "native"), (False, "objects")])
def test_resident_memory_that_a_walk_has_met_is_objects_where_no_meter_reads_their_sizes(exact, told, monkeypatch):
    """Objects of 480 bytes, of which each counts 96."""
    monkeypatch.setattr(verdict, "EXACT", exact)
    past = samples((0, 10, 5, 20), (64, 18, 5, 60))
    assert classify(growth(0, 64, 40, meter="rss"), past, account(40, objects=38)) == told
    assert classify(growth(0, 64, 40, meter="rss"), past, account(40, objects=8)) == "native"


def test_resident_memory_after_a_peak_is_fragmentation():
    past = samples((0, 10, 10, 40), (32, 50, 10, 80), (64, 10, 10, 80))
    assert classify(growth(0, 64, 40, meter="rss"), past, account(40)) == "fragmentation"


def test_only_the_window_counts():
    past = samples((0, 50, 10, 90), (100, 10, 10, 50), (164, 10, 30, 70))
    assert classify(growth(100, 164, 20), past, account(20)) == "native"


@pytest.mark.parametrize(
    ("points", "freed", "share"),
    [
        ([(0, 10, 0, 20), (64, 20, 0, 30)], 10, 1.0),  # all of it is garbage of this window
        ([(0, 10, 0, 20), (64, 20, 0, 30)], 1, 0.1),
        ([(0, 0, 0, 9), (136, 10, 0, 20), (200, 20, 0, 30)], 10, 0.32),  # as much, gathered over 200 s
        ([(0, 0, 0, 9, 1), (136, 10, 0, 20, 2), (200, 20, 0, 30, 2)], 10, 0.32),  # since the collection at 0..136
    ],
)
def test_garbage_is_counted_for_the_part_of_it_that_the_window_made(points, freed, share, monkeypatch):
    monkeypatch.setattr(verdict, "COMES_FULL", True)
    past = samples(*points)
    window = growth(points[-1][0] - 64, points[-1][0], 10)
    assert garbage_share(window, past, freed * MIB) == pytest.approx(share, abs=0.01)


def test_where_no_full_collection_comes_by_itself_garbage_is_of_the_window(monkeypatch):
    monkeypatch.setattr(verdict, "COMES_FULL", False)
    past = samples((0, 0, 0, 9), (3000, 10, 0, 20), (3064, 20, 0, 30))
    assert garbage_share(growth(3000, 3064, 10), past, 10 * MIB) == pytest.approx(1.0, abs=0.01)
    assert garbage_share(growth(3000, 3064, 10), past, 1 * MIB) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    ("late", "stopped"),
    [
        (lambda k: 30.0, True),  # full
        (lambda k: 30.0 + k % 4, True),  # with work in flight
        (lambda k: 30.0 + 0.05 * k, True),  # hardly anything still comes
        (lambda k: 30.0 + k, False),
        (lambda k: 30.0 + 0.6 * k, False),
        (lambda k: 30.0 + 20 * (k % 4), False),  # nobody can tell
    ],
)
def test_growth_has_stopped_where_the_line_through_what_came_after_is_flat(late, stopped):
    past = samples(*((second, second, 0, 30) for second in range(0, 30, 2)))
    past += samples(*((30 + 2 * k, late(2 * k), 0, 30) for k in range(17)))
    assert has_stopped(growth(0, 62, 62), past, since=30) is stopped
    assert not has_stopped(growth(0, 62, 62), past[:16], since=30)  # too few
    assert not has_stopped(growth(0, 62, 62), past, since=58)  # too short


def test_the_pause_budget_bounds_collections_by_blocks_and_then_by_what_was_measured():
    budget = Budget(0.1)
    assert budget.may_collect(400_000) and not budget.may_collect(600_000)
    budget.collected(400_000, 0.4)
    assert not budget.may_collect(200_000)


def in_python(blocks: int, _: bool) -> tuple[float, float]:
    return expected_search(blocks, in_slices=True)


def test_a_census_falls_back_with_the_size_of_the_heap():
    budget = Budget(0.1, pure, in_python)
    depths = [budget.census_depth(Allowance(blocks, 0.0, 64.0)) for blocks in (100_000, 600_000, 5_000_000, 50_000_000)]
    assert depths == ["deep", "tracked", "none", "none"]


def test_walks_share_two_per_cent_of_the_time():
    budget = Budget(0.1, pure, in_python)
    assert budget.fits("deep", Allowance(100_000, 1.1, 64.0))
    assert not budget.fits("deep", Allowance(100_000, 1.2, 64.0)) and budget.fits("search", Allowance(100_000, 1.2, 64))
    assert not budget.fits("tracked", Allowance(100_000, 1.3, 64.0))


def test_each_kind_of_walk_is_expected_to_take_what_it_took_before():
    budget = Budget(0.1, pure, in_python)
    budget.walked("deep", 100_000, 1.0)
    assert budget.census_depth(Allowance(100_000, 0.0, 64.0)) == "tracked"
    assert budget.fits("search", Allowance(100_000, 0.0, 64.0))
    budget.walked("tracked", 100_000, 1.0)
    assert budget.census_depth(Allowance(100_000, 0.0, 64.0)) == "none"


def test_no_walk_is_begun_that_a_verdict_has_no_time_for():
    budget = Budget(1.0, pure, in_python)
    assert budget.census_depth(Allowance(4_000_000, 0.0, 1e6)) == "deep"
    assert budget.census_depth(Allowance(6_000_000, 0.0, 1e6)) == "tracked"
    assert not budget.fits("deep", Allowance(8_000_000, 0.0, 1e6))


def test_one_call_that_lists_the_heap_stays_within_the_pause_budget():
    assert Budget(0.1, pure, in_python).census_depth(Allowance(9_000_000, 0.0, 1e6)) == "none"
    assert not Budget(0.1, pure, in_python).fits("tracked", Allowance(9_000_000, 0.0, 1e6))


def test_a_walk_in_c_is_one_pause():
    exact = pytest.importorskip("memwatch.backend.census.exact")
    depths = [
        Budget(0.1, exact).census_depth(Allowance(blocks, 0.0, 64.0))
        for blocks in (100_000, 600_000, 1_900_000, 5_000_000)
    ]
    assert depths == ["deep", "deep", "tracked", "none"]


def test_a_search_that_would_hold_for_too_long_is_made_in_slices():
    budget = Budget(
        0.1, search=lambda blocks, in_slices: (4e-8 * blocks, 7e-7 * blocks) if in_slices else (blocks * 2.5e-7,) * 2
    )
    assert [budget.search_of(blocks) for blocks in (100_000, 500_000)] == ["search", "sliced search"]
    assert budget.fits("sliced search", Allowance(500_000, 0.0, 64.0))


def test_a_machine_that_is_slower_than_expected_makes_longer_pauses():
    budget = Budget(0.1, pure, in_python)
    assert budget.fits("tracked", Allowance(1_000_000, 0.0, 1e6))
    budget.walked("tracked", 1_000_000, 3.0)
    assert not budget.fits("tracked", Allowance(1_000_000, 0.0, 1e6))


def test_a_heap_of_blocks_that_no_walk_meets_is_walked_faster():
    budget = Budget(0.1)
    blocks = next(n for n in range(100_000, 10**8, 100_000) if not budget.fits("deep", Allowance(n, 0.0, 1e6)))
    budget.walked("deep", blocks, 0.01)
    assert budget.fits("deep", Allowance(blocks, 0.0, 1e6))
    assert not budget.fits("deep", Allowance(10 * blocks, 0.0, 1e6))


def test_a_look_in_between_leaves_the_verdict_its_time():
    budget = Budget(0.1, pure, in_python)
    assert budget.fits("deep", Allowance(100_000, 0.0, 64.0)) and budget.spares("deep", Allowance(100_000, 0.0, 64.0))
    assert budget.fits("deep", Allowance(100_000, 0.8, 64.0))
    assert not budget.spares("deep", Allowance(100_000, 0.8, 64.0))


@pytest.mark.parametrize(("bases", "slowed"), [
    ([100, 200, 300, 400, 400, 401, 402, 403, 404], True),
    ([100, 200, 300, 400, 440, 480, 520, 560, 600], False),  # half as fast
    ([100, 200, 300, 400, 500, 600, 700, 800, 900], False),
    ([100, 100, 100, 100, 100, 100, 100, 100, 100], False),
    ([100, 200, 300, 400, 400, 400, 400], False),  # too few
])  # fmt: skip
def test_growth_has_slowed_where_nearly_all_of_it_came_in_the_first_half(bases, slowed):
    past = samples(*((10 * n, 0, base, base) for n, base in enumerate([5, 50, *bases])))
    assert has_slowed(past, since=20.0) is slowed
