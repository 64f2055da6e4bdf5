"""Who holds the objects of a type, counted: a tree, and one object of each place without its values."""

from __future__ import annotations

import json

import pytest

from memwatch.backend.census.referents import READS_ATTRIBUTES
from memwatch.errors import OptionError
from memwatch.retain.attributes import fields_of
from memwatch.retain.held import find_holders


class Order:
    def __init__(self, number: int) -> None:
        self.number = number
        self.lines = ["a value"] * 3


class Slotted:
    __slots__ = ("inside",)

    def __init__(self) -> None:
        self.inside = {"key": "a value"}


class Named(dict):
    pass


BY_NUMBER: dict[int, Order] = {}
SOME: list[object] = []
LABEL = f"{__name__}.Order"


@pytest.fixture(autouse=True)
def nothing_left():
    yield
    BY_NUMBER.clear()
    SOME.clear()


def test_each_place_has_its_number():
    BY_NUMBER.update((number, Order(number)) for number in range(50))
    SOME.extend(Order(number) for number in range(20))
    found = find_holders(LABEL).to_dict()
    assert found["type"] == LABEL and found["objects"] == 70 and found["bytes"] > 70 * 16
    (module,) = found["tree"]
    assert (module["what"], module["objects"]) == (f"module {__name__}", 70)
    assert [(it["name"], it["what"], it["objects"]) for it in module["below"]] == [
        ("BY_NUMBER", "dict, 50 items", 50),
        ("SOME", "list, 20 items", 20),
    ]
    assert module["below"][0]["below"][0]["name"] == "[each]"
    assert [it["objects"] for it in found["examples"]] == [50, 20] and not found["places_left_out"]


def test_an_object_is_told_by_its_fields_and_not_by_their_values():
    SOME.append(Order(7))
    (example,) = find_holders(LABEL).to_dict()["examples"]
    fields = {it["name"]: (it["type"], it["items"]) for it in example["fields"]}  # in any order
    assert fields == {"number": ("int", None), "lines": ("list", 3)}
    SOME.append(Slotted())
    (example,) = find_holders(f"{__name__}.Slotted").to_dict()["examples"]
    assert [(it["name"], it["type"], it["items"]) for it in example["fields"]] == [("inside", "dict", 1)]


def test_a_container_is_told_by_what_it_holds():
    SOME.append(Named(one=Order(1), two=Order(2)))
    (example,) = find_holders(f"{__name__}.Named").to_dict()["examples"]
    assert {"type": LABEL, "count": 2} in example["holds"] and example["items"] == 2


def test_no_value_is_in_it():
    secret = "".join(("very", "-", "secret"))  # not interned
    SOME.append(made := Order(1))
    made.lines = [secret]
    BY_NUMBER[secret] = made  # type: ignore[index]
    assert secret not in json.dumps(find_holders(LABEL).to_dict())


@pytest.mark.parametrize("label", ["nowhere.Nothing", "", None, 7])
def test_a_type_must_be_there(label):
    with pytest.raises(OptionError):
        find_holders(label)


def test_a_type_without_objects():
    found = find_holders(f"{__name__}.Slotted").to_dict()
    assert found["objects"] == 0 and found["tree"] == [] and found["examples"] == []


class Turned:
    """Its methods set names in another order than that of the alphabet."""

    def __init__(self) -> None:
        self.third = self.second = self.first = 0

    def add(self) -> None:
        self.a_late_one = 1


@pytest.mark.skipif(not READS_ATTRIBUTES, reason="attributes are guessed by the names in code, in no order")
def test_fields_come_in_the_order_in_which_they_were_set():
    turned = Turned()
    turned.add()
    del turned.second
    turned.second = 2
    assert [name for name, _ in fields_of(turned)] == ["third", "first", "a_late_one", "second"]
