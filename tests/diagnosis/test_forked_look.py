"""What a forked child may be asked: its price is known beforehand, and what it brings stands in the report."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

import memwatch
from memwatch.backend.census import in_child
from memwatch.backend.census.fork_price import Tables
from memwatch.clock import Clock
from memwatch.diagnosis import judge
from memwatch.diagnosis.budget import Allowance
from memwatch.diagnosis.forked_look import ForkedLook
from memwatch.diagnosis.verdict import classify
from memwatch.errors import UnsupportedError
from memwatch.render.words import cost_text
from memwatch.watch.cost import Cost

LARGE = 10_000_000  # blocks: a walk here would hold the program for far longer than the half second of a case


class Machine:
    """A fake one: so many private pages, and so much room."""

    def __init__(self, pages=25_000, room=1 << 40, can_look=True):
        self.CAN_LOOK = can_look
        self.pages = pages
        self.free = room

    def read_tables(self):
        return None if self.pages is None else Tables(self.pages, 0)

    def count_huge(self):
        return 0, 1.6e-7 / 1.1 * self.pages

    def room(self):
        return self.free

    def used(self):
        return in_child.Used(0, 0.0)


def refuse(*_):
    raise UnsupportedError("no look in a forked child: Cannot allocate memory")


def test_the_fork_has_to_fit_into_the_pause_budget():
    assert ForkedLook(0.1, Machine()).why_not("search", Allowance(1_000_000, 0.0, 1000.0)) is None
    assert ForkedLook(0.1, Machine(pages=2_500_000)).why_not("search", Allowance(1_000_000, 0.0, 1000.0)) == (
        "a fork would hold the program for about 400 ms, and 100 ms are allowed"
    )
    assert "100 ms are allowed" in ForkedLook(0.1, Machine(pages=None)).why_not("census", Allowance(1000, 0.0, 1000.0))


def test_it_has_its_own_share_of_the_time():
    child = ForkedLook(0.1, Machine())
    assert child.why_not("census", Allowance(10_000_000, 0.0, 100.0)) is None
    assert "over its share" in child.why_not("census", Allowance(10_000_000, 0.0, 100.0), verdicts=1)
    assert child.why_not("census", Allowance(10_000_000, 0.0, 1000.0), verdicts=1) is None
    assert "over its share" in child.why_not("census", Allowance(10_000_000, 19.9, 1000.0))


def test_there_must_be_room_for_what_is_copied():
    child = ForkedLook(0.1, Machine(room=50_000_000))
    assert child.why_not("census", Allowance(1_000_000, 0.0, 1000.0)) is None
    assert "there is no room for that" in child.why_not("search", Allowance(2_000_000, 0.0, 1000.0))


@pytest.mark.usefixtures("weighed")
def test_what_a_holder_retains_is_found_out_where_its_seconds_and_its_memory_are_to_be_had():
    assert ForkedLook(0.1, Machine()).why_not("dominators", Allowance(1_000_000, 0.0, 60.0)) is None
    assert "over its share" in ForkedLook(0.1, Machine()).why_not("dominators", Allowance(2_000_000, 0.0, 60.0))
    small = ForkedLook(0.1, Machine(room=70_000_000))
    assert "no room" in small.why_not("dominators", Allowance(1_000_000, 0.0, 600.0))


def test_what_is_copied_is_expected_as_it_was_measured(monkeypatch):
    machine = Machine(room=100 << 20)
    child = ForkedLook(0.1, machine)
    assert child.why_not("census", Allowance(1_000_000, 0.0, 1000.0)) is None
    look = SimpleNamespace(copied_bytes=90 << 20, price_seconds=0.004, work_seconds=0.1)
    monkeypatch.setattr(in_child, "look_in_child", lambda *asked: look)
    assert child._look(1_000_000, None, None, None) is look
    machine.free = 90 << 20
    assert "there is no room for that" in str(child.why_not("census", Allowance(1_000_000, 0.0, 1000.0)))


def test_without_a_child_there_is_nothing_to_say():
    assert ForkedLook(0.1, Machine(can_look=False)).why_not("census", Allowance(1000, 0.0, 1000.0)) == ""


can_look = pytest.mark.skipif(
    memwatch.backend.name != "native" or sys.platform != "linux", reason="no forked child looks here"
)


@can_look
def test_above_the_pause_budget_type_and_holder_are_named_by_a_child(make_case, app, make_class):
    order = make_class(app, "Order")
    app.orders, app.table = [], {}
    case = make_case(blocks=LARGE)
    case.suspect()
    case.follow()
    app.orders.extend(order() for _ in range(20_000))
    report = case.verdict().report
    assert report.missing == () and report.explained
    first = report.suspects[0]
    assert (first.type, first.held_by.text) == ("app.Order", "module app > orders: list, 20000 items > [index]")
    assert first.cause.startswith("a module-level list that only grows")
    assert report.cost.child_seconds > 0 and report.cost.censuses == 3


@can_look
@pytest.mark.parametrize("fork", ["is cheap", "is dear", "is refused"])
def test_a_child_looks_where_its_fork_holds_the_program_for_less_than_a_walk(make_case, app, text, fork, monkeypatch):
    app.kept = []
    case = make_case(blocks=300_000)
    if fork == "is dear":
        monkeypatch.setattr(in_child, "read_tables", lambda: Tables(1 << 30, 0))
    if fork == "is refused":
        monkeypatch.setattr(in_child, "look_in_child", refuse)
    case.suspect()
    case.follow()
    app.kept.extend(map(text, range(1000)))
    report = case.verdict().report
    assert (report.cost.child_seconds > 0) is (fork == "is cheap")
    assert report.missing == () and report.suspects[0].held_by.lines[1].startswith(".kept")


@can_look
def test_garbage_that_waits_is_known_without_a_collection(make_case, app, make_class, text, collector_off):
    node = make_class(app, "Node")
    case = make_case(blocks=LARGE)

    def grow():
        for number in range(2000):
            made = node()
            made.itself, made.text = made, text(number)

    leak = case.judge(grow)
    assert leak.verdict == "garbage"
    assert not [line for line in leak.report.missing if "no collection" in line]


@can_look
def test_where_the_child_fails_it_is_said_and_the_rest_goes_out(make_case, app, text, monkeypatch):
    app.kept = []
    case = make_case(blocks=LARGE)
    case.suspect()
    app.kept.extend(map(text, range(1000)))

    monkeypatch.setattr(in_child, "look_in_child", refuse)
    report = case.verdict().report
    assert "no look by a forked child: no look in a forked child: Cannot allocate memory" in report.missing


@can_look
def test_a_child_is_ended_where_the_program_has_too_much_copied(make_case, app, text, monkeypatch):
    app.kept, given = [], [0]
    case = make_case(blocks=LARGE)
    case.suspect()
    app.kept.extend(map(text, range(1000)))
    look = in_child.look_in_child

    def look_slowly(exclude, should_cancel, *asked):
        given[0] += 1 << 30
        should_cancel()
        return look(exclude, should_cancel, *asked)

    monkeypatch.setattr(in_child, "used", lambda: in_child.Used(given[0], 0.5 * (given[0] > 0)))
    monkeypatch.setattr(in_child, "look_in_child", look_slowly)
    report = case.verdict().report
    (why,) = [it for it in report.missing if "no look by a forked child" in it]
    assert why.startswith("no look by a forked child: it was ended, as the program had ") and why.endswith(" meanwhile")
    assert report.cost.copied_bytes == 1 << 30 and report.cost.child_seconds > 0.5


@can_look
@pytest.mark.parametrize("blocks", [LARGE, 300_000])
def test_holders_that_are_gone_when_the_child_has_answered_are_searched_for_here_or_missing(
    make_case, app, make_class, monkeypatch, blocks
):
    order = make_class(app, "Order")
    app.orders = []
    case = make_case(blocks=blocks)
    case.suspect()
    app.orders.extend(order() for _ in range(20_000))
    look = in_child.look_in_child

    def look_and_drop(*asked):
        found = look(*asked)
        app.moved, app.orders = tuple(app.orders), []
        return found

    monkeypatch.setattr(in_child, "look_in_child", look_and_drop)
    report = case.verdict().report
    lost = [it for it in report.missing if "not named: the child found them" in it]
    assert [it.partition(" of ")[0] for it in lost] == ["holders"] * (blocks == LARGE)
    assert report.suspects[0].type == "app.Order"
    assert bool(report.suspects[0].held_by) is (blocks != LARGE)


def test_the_verdicts_own_work_is_in_the_cost_that_it_tells(case, app, text, monkeypatch):
    until = []

    def slowly(*asked):
        begun = Clock.thread_time()
        while Clock.thread_time() < begun + 0.05:
            pass
        until.append(Clock.thread_time())
        return classify(*asked)

    monkeypatch.setattr(judge, "classify", slowly)
    app.kept = []
    cost = case.judge(lambda: app.kept.extend(map(text, range(1000)))).report.cost
    assert cost.cpu_share * case.ledger.age >= until[0]


@can_look
def test_what_could_not_be_had_at_first_is_tried_again(make_case, app, make_class, monkeypatch):
    order = make_class(app, "Order")
    app.orders = []
    case = make_case(blocks=LARGE)
    with monkeypatch.context() as refused:
        refused.setattr(in_child, "look_in_child", refuse)
        case.suspect()
        case.follow()
    assert not case.diagnosis._gatherer.evidence.snapshot.deep
    case.follow()
    app.orders.extend(order() for _ in range(20_000))
    report = case.verdict().report
    assert report.suspects[0].type == "app.Order" and report.since_seconds < 80


def test_a_hold_that_was_longer_than_allowed_is_told():
    cost = Cost(0.0, 0.115, 3, 0, 0.0, 0.1, longest_work_seconds=0.012)
    waited = "115 ms where 100 ms are allowed (at most 12 ms of work, else waiting for a processor), "
    assert f"longest pause {waited}" in cost_text(cost)
    worked = "115 ms where 100 ms are allowed (110 ms of work), "
    assert f"longest pause {worked}" in cost_text(cost._replace(longest_work_seconds=0.11))
    assert "longest pause 90 ms, " in cost_text(cost._replace(longest_pause_seconds=0.09))


def test_what_children_took_is_told():
    assert cost_text(Cost(0.0, 0.09, 3, 0, 0.55, 0.1, 5 << 20)).endswith(
        "; forked children 0.6 s, 5.00 MiB copied meanwhile"
    )
