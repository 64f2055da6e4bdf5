"""The order of the suspects: each factor beside what it must not outweigh."""

from dataclasses import replace

import pytest

from memwatch.backend.allocations.live import Sampled
from memwatch.diagnosis import Account
from memwatch.diagnosis.account import TypeRow
from memwatch.diagnosis.lines import Lines, Site
from memwatch.diagnosis.ranking import Ranking
from memwatch.diagnosis.suspects import find_suspects, from_lines
from memwatch.frames import Frame
from memwatch.heap import Change, Diff, HeapState, TypeChange, TypeSeries
from memwatch.retain import Holding

from ..paths import ITEM, attribute, path

MIB = 1 << 20
PLACES = (Frame("handle", "app.py", 1, 0, 0),)


def holding(what, size=MIB, **changes):
    made = Holding(
        path=path("app", attribute(what, "list", 9), ITEM),
        frontier_type=what, holder_type="list", holder_address=1, holder_items=9, bound=None,
        targets=9, retained_items=9, retained_bytes=size, type_counts={what: 9},
    )  # fmt: skip
    return replace(made, **changes)


def diff(**rows):
    """By type: how many objects came and went."""
    state = HeapState(0, 0, 0.0)
    details = tuple(TypeChange(what, MIB, came, went, True) for what, (came, went) in rows.items())
    return Diff(state, state, Change(0, 0, 0, details), ())


def series(**bytes_by_type):
    made = TypeSeries()
    for number, sizes in enumerate(zip(*bytes_by_type.values(), strict=True)):
        made.add({what: (1, size) for what, size in zip(bytes_by_type, sizes, strict=True)}, float(number))
    return made


def born(what, births):
    return [Sampled(PLACES, 0, what, 1.0, 64.0, birth) for birth in births]


def order(ranking, *holdings):
    return [it.type for it in find_suspects(holdings, (), Lines(), Account(4 * MIB, (), True), "objects", ranking)]


def test_without_anything_else_the_larger_comes_first():
    found = find_suspects([holding("one"), holding("two", 2 * MIB)], (), Lines(), Account(4 * MIB, (), True), "objects")
    assert [(it.type, it.share, it.score) for it in found] == [("two", 0.5, 0.5), ("one", 0.25, 0.25)]


def test_many_holders_of_the_same_are_enough_together():
    paths = [path("app", attribute(name, "dict", 9), ITEM) for name in ("first", "second", "third", "fourth")]
    others = [tuple(other for other in paths if other is not it) for it in paths]
    held = [holding("one", MIB // 2, path=it, others=more) for it, more in zip(paths, others, strict=True)]
    found = find_suspects(held, (), Lines(), Account(4 * MIB, (), True), "objects")
    assert [it.share for it in found] == [0.125] * 4  # less than a first suspect has, each for itself
    alone = [replace(it, others=()) for it in held]
    assert find_suspects(alone, (), Lines(), Account(4 * MIB, (), True), "objects") == ()


def test_a_cache_within_its_bound_is_no_suspect_beside_what_has_none():
    """A library's cache of functions has met what the program leaks: that is no second cause."""
    cache = holding("app.Hook", bound=4096, used=1362, bounded_bytes=MIB)
    assert order(None, holding("app.Route", 2 * MIB), cache) == ["app.Route"]
    assert order(None, holding("app.Route", MIB // 4), cache) == ["app.Hook", "app.Route"]


def test_keys_that_are_replaced_are_no_second_suspect():
    """All by which their type grew hangs below the first holder; of a type that grew more the second has its part."""
    sessions = holding("app.Session", 3 * MIB, type_counts={"app.Session": 1000, "int": 1000})
    keys = holding("int", targets=400, type_counts={"int": 400})
    for grew, told in ((1000, ["app.Session"]), (1030, ["app.Session"]), (1400, ["app.Session", "int"])):
        rows = (TypeRow("app.Session", 1000, 0, 3 * MIB, True), TypeRow("int", grew + 70, 70, 28 * grew, False))
        found = find_suspects([sessions, keys], (), Lines(), Account(4 * MIB, rows, True), "objects")
        assert [it.type for it in found] == told
    both, walked, unknown = (
        replace(keys, others=(sessions.path,)),
        Account(3 * MIB, rows[:1], True),
        Account(1, (), False),
    )
    for second, account in ((both, walked), (keys, unknown)):
        found = find_suspects([sessions, second], (), Lines(), account, "objects")
        assert [it.type for it in found] == ["app.Session", "int"]


def test_what_grew_at_every_look_comes_before_what_rose_once():
    looks = series(one=(1, 2, 3, 4, 5), two=(1, 1, 1, 1, 9))
    assert order(Ranking(series=looks), holding("two", int(1.5 * MIB)), holding("one")) == ["one", "two"]


def test_what_fell_in_between_counts_by_its_last_rises():
    looks = series(one=(5, 6, 7, 8, 9), two=(8, 9, 1, 2, 3))
    ranking = Ranking(series=looks)
    assert ranking.of_types(["one"], 1.0) == 1.0 and ranking.of_types(["two"], 1.0) == 0.5
    assert ranking.of_types(["gone"], 1.0) == 0.1


def test_what_comes_and_goes_comes_after_what_stays():
    ranking = Ranking(diff(one=(1000, 0), two=(1000, 900)))
    assert order(ranking, holding("two", 2 * MIB), holding("one")) == ["one", "two"]
    assert ranking.of_types(["one"], 1.0) == pytest.approx(1 - 1 / 1002)


def test_what_is_young_throughout_comes_after_what_was_born_at_all_times():
    lines = Lines([*born("one", range(0, 80, 5)), *born("two", [*range(70, 80)] * 2)], since=0, until=80)
    assert order(Ranking(lines=lines), holding("two", 2 * MIB), holding("one")) == ["one", "two"]


def test_what_is_bounded_comes_after_what_is_not():
    changes = {"bound": 20, "used": 9, "bounded_bytes": 4 * MIB}
    assert order(Ranking(), holding("two", int(1.5 * MIB), **changes), holding("one")) == ["one", "two"]


def test_what_has_outgrown_its_bound_is_as_any_other():
    outgrown = holding("two", int(1.5 * MIB), bound=5, used=9)
    assert order(Ranking(), outgrown, holding("one")) == ["two", "one"]


def test_no_factor_hides_what_is_a_hundred_times_as_large():
    looks, changed = series(two=(9, 8, 7, 6)), diff(two=(10, 100))
    assert order(Ranking(changed, looks), holding("two", 400 * MIB), holding("one", MIB)) == ["two"]


def test_of_the_types_that_come_together_the_best_speaks():
    ranking = Ranking(diff(str=(100, 100), Order=(100, 0)))
    both = holding("str", type_counts={"str": 9, "Order": 9})
    assert ranking.of_holding(both, 1.0) > 0.98 and ranking.of_holding(holding("str"), 1.0) == 0.1


@pytest.mark.parametrize(("part", "told"), [(0.12, []), (0.3, ["tuple"])])
def test_what_no_walk_met_is_suspected_only_where_it_explains_a_fifth(part: float, told: list[str]) -> None:
    frame = {"function": "step", "file": "app.py", "line": 3, "in_app": True}
    site = Site((frame,), 6, 4000.0, part * 4 * MIB, "tuple")
    assert [it.type for it in from_lines([site], Account(4 * MIB, (), True))] == told
