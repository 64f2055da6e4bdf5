"""Passes through large containers in pieces, while the program goes on."""

import gc
import sys
import threading
import weakref
from types import ModuleType

import pytest

from memwatch.backend.forks import hold_walks, let_walks_go_on
from memwatch.retain.members import Members, topmost


class Item:
    def __init__(self, number):
        self.parts = [str(number) * 10]


@pytest.fixture
def app():
    module = sys.modules["app"] = ModuleType("app")
    module.__file__ = __file__
    yield module
    del sys.modules["app"]


def wanted(items):
    return {id(it.parts[0]): ("str", 2.0) for it in items}


def test_a_dict_that_changes_while_it_is_passed_through_is_passed_on(app):
    app.table = {number: Item(number) for number in range(3000)}
    members = Members(wanted(app.table[n] for n in range(2999)), lambda: bool(app.table.update({len(app.table): None})))
    members.run()
    ((found, parts),) = topmost(members.found)
    assert found.samples == {"str": 2999} and found.counts == {"str": 2.0 * 2999} and parts == []
    assert [type(it) for it in found.chain] == [ModuleType, dict, dict, Item, list, str]
    members.release()


def test_what_is_released_holds_nothing(app):
    app.table = [Item(number) for number in range(1000)]
    members, gone = Members(wanted(app.table), lambda: False), weakref.ref(app.table[-1])
    members.run()
    members.release()
    del app.table
    gc.collect()
    assert members.found and gone() is None


def test_a_fork_in_another_thread_finds_a_piece_that_is_over(app):
    """The pass is at rest, with objects in its fields alone, as soon as somebody is about to fork."""
    app.table, seen, asked = [Item(number) for number in range(2000)], [], []

    def fork():
        hold_walks(60.0)
        seen.append(members.rests)
        let_walks_go_on()

    def is_over():
        asked.append(None)
        if len(asked) == 2:
            thread.start()
        return len(asked) > 2 and not thread.is_alive()

    thread = threading.Thread(target=fork)
    members = Members(wanted(app.table), is_over)
    members.run()
    thread.join(60)
    members.release()
    assert seen == [True]


def test_passes_end_when_their_time_is_over_and_tell_what_was_seen(app):
    app.table, left = [Item(number) for number in range(100_000)], iter([False] * 3)  # the largest list of all
    members = Members(wanted(app.table), lambda: next(left, True))
    members.run()
    assert [it.samples.total() for it in members.found.values()] == [500]
    members.release()


class Session:
    def __init__(self, number):
        self.token = str(number) * 10


@pytest.mark.parametrize(
    ("sampled", "kinds"), [(True, [list, Item, list, Session]), (False, [list, Item, list, Session, str])]
)
def test_data_is_told_as_part_of_the_object_that_came_with_it(app, sampled, kinds):
    """Few of the objects themselves are sampled, and none at a place of its own."""
    app.table, app.one = [Item(number) for number in range(1000)], Session(1)
    for number, item in enumerate(app.table):
        item.parts.append(Session(number))
    objects = {id(item.parts[1].token): ("str", 2.0) for item in app.table}
    members = Members(objects | {id(app.one): (f"{__name__}.Session", 9.0)} if sampled else objects, lambda: False)
    members.run()
    (found,) = members.found.values()
    assert [type(it) for it in found.chain[2:]] == kinds and found.counts["str"] == 2000
    members.release()
