"""Under which key of a dict an object is, also while others change the dict."""

import threading
from collections import OrderedDict

import pytest

import memwatch
from memwatch.backend.census.dict_keys import some_values
from memwatch.backend.holds import holds_noted_by
from memwatch.retain.attributes import attribute_of, is_key_of, key_of_item


@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_the_key_of_an_item_is_found_by_identity(kind):
    first, second, key = [1], [1], "a key of its own"
    found = kind([(1, first), (key, second), (None, None)])
    assert key_of_item(found, second) == (key,) and key_of_item(found, first) == (1,)
    assert key_of_item(found, None) == (None,)  # a key that is None is one
    assert key_of_item(found, [1]) is None
    assert is_key_of(found, key) and not is_key_of(found, second)
    assert some_values(found, 2) == [first, None] and some_values(found, 5) == [first] and some_values({}, 1) == []


def test_a_dict_that_changes_all_the_time_is_read_all_the_same():
    wanted, over = object(), threading.Event()
    found = {number: number for number in range(20_000)}
    found["wanted"] = wanted

    def change():
        number = 0
        while not over.is_set():
            found[-number], number = number, number + 1
            del found[-number + 1]

    thread = threading.Thread(target=change)
    thread.start()
    try:
        assert {key_of_item(found, wanted) for _ in range(50)} == {("wanted",)}
    finally:
        over.set()
        thread.join()


@pytest.mark.skipif(memwatch.backend.name == "pure", reason="Python code touches each item")
def test_a_large_dict_is_passed_over_without_touching_what_it_holds():
    wanted, holds = object(), []
    found = {"wanted": wanted} | {number: [] for number in range(300_000)}
    with holds_noted_by(lambda seconds, work: holds.append(work)):
        assert key_of_item(found, wanted) == ("wanted",) and len(some_values(found, 1000)) == 301
    assert len(holds) == 2 and max(holds) < 0.02


class Span:
    """Has an attribute that repeats another."""

    def __init__(self, name):
        self.name, self.children = name, []
        self.tags = {"name": name}


@pytest.mark.skipif(memwatch.backend.name == "pure", reason="the names of attributes are guessed without C")
def test_a_dict_of_attributes_with_the_same_names_is_not_taken_for_the_instances_own():
    span = Span("a name of its own")
    assert attribute_of(span, span.children) == "children" and attribute_of(span, span.tags) == "tags"
    vars(span)  # now it has one
    assert attribute_of(span, span.children) == "children" and attribute_of(span, span.tags) == "tags"
