"""Heaps that neither this process nor a child may walk: who holds is found by the samples, and is an estimate."""

from __future__ import annotations

import functools
import sys
from collections import OrderedDict, deque
from types import ModuleType

import pytest

from memwatch.backend.allocations.recorder import Recorder
from memwatch.diagnosis import Diagnosis
from memwatch.diagnosis.lines import Lines
from memwatch.diagnosis.walks import ESTIMATED, NOT_FOUND
from memwatch.retain import Wanted, find_near
from memwatch.retain.search import IN_C
from memwatch.watch import Dismissed

if not IN_C:
    pytest.skip("only the C extension samples and searches near to the roots", allow_module_level=True)

LARGE = 50_000_000  # blocks


@pytest.fixture
def recorder(monkeypatch):
    """A sampler; its samples pass for old ones, as a verdict at once would find all of them young."""
    monkeypatch.setattr(Lines, "is_young", lambda *_: False)
    made = Recorder(2048)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def huge(make_case, app, recorder, no_child):
    """A case of so many objects that there is no census and no search; *app* is a module of the program's own."""
    app.__file__ = __file__
    case = make_case(blocks=LARGE)
    case.diagnosis = Diagnosis(0.1, recorder)
    return case


class Order:
    def __init__(self, number):
        self.number = number
        self.text = f"{number} ".ljust(200, "-")


HOLDERS = {
    "list": (list, lambda kept, order: kept.append(order), "list, 20000 items > [index]"),
    "dict": (dict, lambda kept, order: kept.update({order.number: order}), "dict, 20000 items > [int key]"),
    "set": (set, lambda kept, order: kept.add(order), "set, 20000 items > [item]"),
    "deque": (deque, lambda kept, order: kept.append(order), "collections.deque, 20000 items > [index]"),
    "ordered": (
        OrderedDict, lambda kept, order: kept.update({order.number: order}),
        "collections.OrderedDict, 20000 items > [int key]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOLDERS)
def test_type_line_holder_and_about_how_much_are_named(huge, app, kind):
    make, keep, path = HOLDERS[kind]
    app.orders = make()

    def grow():
        for number in range(20_000):
            keep(app.orders, Order(number))

    report = huge.judge(grow).report
    first = report.suspects[0]
    assert first.type == f"{__name__}.Order"
    assert first.held_by.text == f"module app > orders: {path}"
    assert any(frame["function"].endswith("grow") for frame in first.allocated_at)
    assert 10_000 < first.count_growth < 40_000 and 0.5 < first.share <= 1
    assert ESTIMATED in report.missing and report.verdict == "objects"
    assert report.cost.child_seconds == 0


def test_what_an_object_or_a_running_function_holds_is_found_too(huge, app, make_class):
    app.server = make_class(app, "Server")()
    app.server.open = []
    orders = []

    def grow():
        for number in range(20_000):
            app.server.open.append(Order(number))
            orders.append(Order(number))

    told = [it.held_by.text for it in huge.judge(grow).report.suspects[:2]]
    assert any(text.startswith("module app > server: app.Server > .open: list, 20000 items") for text in told)
    assert any("local orders: list, 20000 items" in text for text in told)


TABLES = {
    "list": (lambda members: members, "list, 4000 items > [index]: list, "),
    "dict": (lambda members: dict(enumerate(members)), "dict, 4000 items > [int key]: list, "),
    "deque": (deque, "collections.deque, 4000 items > [index]: list, "),
    "object": (lambda members: [*map(Kept, members)], f"list, 4000 items > [index]: {__name__}.Kept > .orders"),
}  # fmt: skip


class Kept:
    def __init__(self, orders):
        self.orders = orders


@pytest.mark.parametrize("kind", TABLES)
def test_what_lies_in_the_members_of_what_is_old_and_large_is_found_in_pieces(huge, app, kind):
    make, path = TABLES[kind]
    members = [[number] for number in range(4000)]
    app.table = make(members)

    def grow():
        for number in range(500, 3500):
            members[number].append(Order(number))

    report = huge.judge(grow).report
    members.clear()
    first = report.suspects[0]
    assert first.type == f"{__name__}.Order" and first.held_by.text.startswith(f"module app > table: {path}")
    assert ESTIMATED in report.missing and 2000 < first.count_growth < 4500


def test_what_lies_too_deep_is_not_claimed(huge, app):
    app.table = [[[[[[number]]]]] for number in range(4000)]

    def grow():
        for number in range(500, 3500):
            app.table[number][0][0][0][0].append(Order(number))

    report = huge.judge(grow).report
    assert NOT_FOUND in report.missing
    first = report.suspects[0]  # whose type is that of most sampled bytes: an order's, or of its text by chance
    assert first.type in (f"{__name__}.Order", "str") and first.held_by is None


def test_a_bounded_cache_that_fills_is_held_there_too(huge, app, text):
    app.load = functools.lru_cache(maxsize=10_000)(text)
    decision = huge.judge(lambda: [app.load(number) for number in range(5_000)] and None)
    assert isinstance(decision, Dismissed) and "bounded" in decision.why and "5,000 of at most 10,000" in decision.why


def test_without_samples_nothing_is_claimed(make_case, app, no_child):
    app.orders = []
    case = make_case(blocks=LARGE)
    report = case.judge(lambda: app.orders.extend(map(Order, range(2000)))).report
    assert report.suspects == () and ESTIMATED not in report.missing


@pytest.fixture
def many_modules(app):
    """Modules of the program's, before *app*, with more in them than one look can see."""
    made = {f"app_part_{number}": ModuleType(f"app_part_{number}") for number in range(200)}
    for name, module in made.items():
        module.__file__ = __file__.replace("test_near_holders", name)
        module.table = [[number] for number in range(500)]
    last = sys.modules.pop("app")
    sys.modules.update(made, app=last)
    yield
    for name in made:
        del sys.modules[name]


@pytest.mark.usefixtures("many_modules")
def test_no_look_is_longer_than_half_a_pause(huge, app):
    app.orders = [Order(number) for number in range(50_000)]
    huge.diagnosis = Diagnosis(0.05, huge.diagnosis._gatherer._recorder)
    app.kept = []
    leak = huge.judge(lambda: app.kept.extend(map(Order, range(20_000))))
    assert leak.report.suspects[0].held_by.text == "module app > kept: list, 20000 items > [index]"


class Session:
    __slots__ = ("token",)

    def __init__(self, number):
        self.token = [f"{number} ".ljust(900, "-")]


def sampled(objects, count):
    """Each stands for so many; the text of a session for as many."""
    return {id(it): ("str" if type(it) is str else f"{__name__}.Session", count) for it in objects}


def fill(app, make):
    """5000 new sessions, and 3000 that no sample tells of; each tenth of the texts is sampled, and three sessions."""
    new = [*map(Session, range(5000))]
    app.kept, app.others = make([*map(Session, range(6000)), *new]), [*map(Session, range(3000))]
    texts = sampled((it.token[0] for it in [*new[::10], *app.others[::10]]), 10.0)
    return Wanted(sampled(new[::2000], 100.0) | texts)


@pytest.mark.parametrize("make", [list, lambda items: dict(enumerate(items)), deque], ids=["list", "dict", "deque"])
def test_how_many_there_are_is_told_by_what_of_an_item_was_sampled_most(app, make):
    app.__file__ = __file__
    wanted = fill(app, make)
    told = find_near(wanted, 0.02, lambda: False)
    (found,) = (it for it in told if "kept" in it.path.text)
    assert found.targets == pytest.approx(5000, rel=0.05) and found.frontier_type == f"{__name__}.Session"
    assert found.type_counts == dict.fromkeys((f"{__name__}.Session", "list", "str"), found.targets)
