"""The account of a growth: rows from a walk and from samples that add up to all of it."""

from __future__ import annotations

import pytest

from memwatch.backend.allocations.live import Sampled
from memwatch.diagnosis import Account, account
from memwatch.diagnosis.account import NOT_EXPLAINED, PYTHON_RAW, loose_sites, make_account
from memwatch.diagnosis.lines import NO_OBJECT, Lines
from memwatch.frames import Frame
from memwatch.heap import Change, Diff, HeapState, TypeChange
from memwatch.render.words import growing_rows, shrunk_text
from memwatch.retain import Holding

from ..paths import KEPT

KB = 1000


def diff(**sizes: int) -> Diff:
    """What a walk has counted: by type so many KB more, in as many objects."""
    state = HeapState(0, 0, 0.0)
    rows = [TypeChange(what, KB * size, max(size, 0), max(-size, 0), True) for what, size in sizes.items()]
    return Diff(state, state, Change(0, 0, 0, tuple(rows)), ())


def lines(*samples: tuple[str, int], met: str = "", walked: bool = True, native: bool = False) -> Lines:
    """By type so many KB, each in ten samples at a line of its own; a walk has met those of *met*."""
    made = [
        Sampled((Frame("grow", "app.py", number, 0, 0),), 1, label, size / 10, KB * size / 10, native=native)
        for number, (label, size) in enumerate(samples)
        for _ in range(10)
    ]
    return Lines(made, bool, (lambda address, label: label == met) if walked else None)


def shown(found: Account) -> list[tuple[str, str, int, float]]:
    """What, kind, KB and share of each row, as machines read them."""
    return [
        (row["what"], row["kind"], round(row["size_bytes"] / KB), round(row["share"], 2)) for row in found.to_list()
    ]


def test_what_a_walk_has_counted_and_what_is_not_explained_are_all_of_the_growth() -> None:
    found = make_account(1000 * KB, diff(str=700, dict=200), Lines())
    assert shown(found) == [
        ("str", "objects", 700, 0.7),
        ("dict", "objects", 200, 0.2),
        (NOT_EXPLAINED, "unknown", 100, 0.1),
    ]
    assert found.explained == 0.9 and found.walked and not found.sampled


def test_what_took_the_room_of_others_is_part_of_the_whole() -> None:
    found = make_account(500 * KB, diff(str=900, dict=-500), Lines())
    assert shown(found) == [("str", "objects", 900, 0.9), (NOT_EXPLAINED, "unknown", 100, 0.1)]
    assert shrunk_text(found) == "1 type shrank, by 488 KiB together"


def test_more_objects_than_the_meters_have_seen_are_all_of_it_and_no_more() -> None:
    found = make_account(100 * KB, diff(str=300, dict=100), Lines())
    assert [share for *_, share in shown(found)] == [0.75, 0.25, 0.0] and found.explained == 1.0
    assert make_account(-5, None, Lines()).to_list()[0]["share"] == 0.0


def test_what_no_walk_has_met_is_told_by_the_samples() -> None:
    found = make_account(1000 * KB, diff(str=100), lines(("float", 500), ("", 300), ("str", 100), met="str"))
    assert shown(found) == [
        ("float", "untracked", 500, 0.5),
        (PYTHON_RAW, "untracked", 300, 0.3),
        ("str", "objects", 100, 0.1),
        (NOT_EXPLAINED, "unknown", 100, 0.1),
    ]
    native = make_account(1000 * KB, diff(str=100), lines(("", 800), native=True))
    assert shown(native)[0] == (NO_OBJECT, "native", 800, 0.8)


def test_the_bytes_of_streams_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memwatch.diagnosis.lines._HIDDEN_BYTES", False)  # from 3.15 on, where streams hide none
    streams, texts = diff(**{"_io.BytesIO": 400}), lines(("bytes", 300), ("str", 200))
    monkeypatch.setattr(account, "_HIDES_BYTES", True)
    found = make_account(900 * KB, streams, texts)
    assert [row[:3] for row in shown(found)] == [
        ("_io.BytesIO", "objects", 400),
        ("str", "untracked", 200),
        (NOT_EXPLAINED, "unknown", 300),
    ]
    many = make_account(2400 * KB, streams, lines(("bytes", 2000)))  # more than the streams have
    assert [row[0] for row in shown(many)] == ["bytes", "_io.BytesIO", NOT_EXPLAINED]
    monkeypatch.setattr(account, "_HIDES_BYTES", False)
    assert [row[0] for row in shown(make_account(900 * KB, streams, texts))][1] == "bytes"


def test_a_buffer_in_python_s_blocks_is_no_object_that_was_lost() -> None:
    """C code asks Python for it, as zlib does; parts of lost objects come with these."""
    found = make_account(1000 * KB, diff(str=50), lines(("float", 50), ("", 800), ("str", 50), met="str"))
    assert shown(found)[0] == (PYTHON_RAW, "native", 800, 0.8)


def test_without_a_walk_the_samples_tell_of_all() -> None:
    found = make_account(1000 * KB, None, lines(("app.Order", 600), ("", 200), walked=False))
    assert shown(found) == [
        ("app.Order", "objects", 600, 0.6),
        (PYTHON_RAW, "unknown", 200, 0.2),
        (NOT_EXPLAINED, "unknown", 200, 0.2),
    ]
    assert (found.walked, found.sampled, found.explained) == (False, True, 0.8)
    (row,) = (row for row in found.rows if row.what == "app.Order")
    assert (row.count, row.samples, row.exact) == (600, 10, False)


def test_a_walk_of_tracked_objects_is_joined_by_samples_of_the_others() -> None:
    found = make_account(1000 * KB, diff(dict=300), lines(("dict", 300), ("str", 500), walked=False), deep=False)
    assert [row[:3] for row in shown(found)] == [
        ("str", "objects", 500), ("dict", "objects", 300), (NOT_EXPLAINED, "unknown", 200),
    ]  # fmt: skip


def test_what_was_found_below_holders_is_known_where_nothing_was_counted() -> None:
    holding = Holding(
        path=KEPT, frontier_type="str", holder_type="list", holder_address=1, holder_items=9, bound=None,
        targets=9, retained_items=9, retained_bytes=700 * KB, type_counts={"str": 9},
    )  # fmt: skip
    found = make_account(1000 * KB, None, lines(("str", 700), ("int", 100), walked=False), holdings=[holding])
    assert [row[:3] for row in shown(found)] == [
        ("str", "objects", 700), ("int", "objects", 100), (NOT_EXPLAINED, "unknown", 200),
    ]  # fmt: skip


def test_where_nobody_looked_nothing_is_explained() -> None:
    found = make_account(1000, None, Lines())
    assert found.explained is None and shown(found) == [(NOT_EXPLAINED, "unknown", 1, 1.0)]


@pytest.mark.parametrize(("counted", "raw"), [(500, 300), (800, 100), (900, 0), (1200, 0)])
def test_raw_memory_is_no_more_than_what_of_the_growth_a_walk_has_not_counted(counted: int, raw: int) -> None:
    made = lines(("", 200), ("", 100), ("float", 100), ("str", counted), met="str")
    found = make_account(1000 * KB, diff(str=counted), made)
    assert sum(row.size_bytes for row in found.rows if row.what == PYTHON_RAW) == raw * KB
    left = [it for it in loose_sites(diff(str=counted), made, True, found.uncounted) if it.label == NO_OBJECT]
    assert sum(it.size_bytes for it in left) == pytest.approx(raw * KB) and all(it.size_bytes > 0 for it in left)


def test_a_few_samples_are_no_row_unless_each_is_a_large_block() -> None:
    def sampled(count: float) -> Account:
        made = [Sampled((Frame("grow", "app.py", 1, 0, 0),), 1, "str", count, 100.0 * KB) for _ in range(4)]
        return make_account(1000 * KB, diff(int=50), Lines(made, bool, lambda address, label: False))

    assert [row[0] for row in shown(sampled(9.0))] == ["int", NOT_EXPLAINED] and not sampled(9.0).shown("untracked")
    assert [row[0] for row in shown(sampled(1.01))] == ["str", "int", NOT_EXPLAINED]


def test_meters_that_count_small_objects_for_more_are_put_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "counted_bytes", lambda size, objects: max(size, 3 * KB * objects))
    found = make_account(900 * KB, diff(int=300), Lines())
    assert (found.grew, found.explained) == (300 * KB, 1.0)


@pytest.mark.parametrize("most", [1, 2, 3, 9])
def test_the_shown_rows_the_others_and_the_rest_are_all_of_it(most: int) -> None:
    found = make_account(1000 * KB, diff(str=500, dict=200, list=100), Lines())
    rows, rest = growing_rows(found, most)
    assert len(rows) == min(most, 3)
    assert sum(row.size_bytes for row in rows) + sum(size for _, size in rest) == found.total
    assert rest[-1] == (NOT_EXPLAINED, 200 * KB)


@pytest.mark.parametrize(("native", "left"), [(600, 0), (1000, 400)])
def test_a_buffer_that_an_array_has_counted_is_no_row_of_its_own(native: int, left: int) -> None:
    found = make_account((600 + left) * KB, diff(**{"numpy.ndarray": 600}), lines(("", native), native=True))
    rows = [("numpy.ndarray", "objects", 600, round(600 / (600 + left), 2))]
    rows += [(NO_OBJECT, "native", left, round(left / (600 + left), 2))] if left else []
    assert shown(found) == [*rows, (NOT_EXPLAINED, "unknown", 0, 0.0)]


def test_what_c_code_has_is_told_beside_arrays_whose_buffers_python_has_given() -> None:
    beside = Lines(
        [
            Sampled((Frame("grow", "app.py", line, 0, 0),), 1, "", 60, 60 * KB, native=is_native)
            for line, is_native in ((1, False), (2, True))
            for _ in range(10)
        ],
        bool,
        lambda address, label: False,
    )
    found = make_account(1200 * KB, diff(**{"numpy.ndarray": 600}), beside)
    assert (NO_OBJECT, "native", 600, 0.5) in shown(found)
