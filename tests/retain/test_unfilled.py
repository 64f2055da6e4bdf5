"""Lists and tuples with places that C code has not filled: to read one of those ends the process."""

from __future__ import annotations

import atexit
import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from memwatch.retain import find_holdings, find_path

API = ctypes.pythonapi


class Order:
    """What is held."""


def make(kind: str, places: int, last: Any) -> Any:
    """A list or tuple as C code has it in hand while it builds one, with its *last* item alone."""
    new, fill = API[f"Py{kind}_New"], API[f"Py{kind}_SetItem"]
    new.argtypes, new.restype = (ctypes.c_ssize_t,), ctypes.py_object
    fill.argtypes, fill.restype = (ctypes.py_object, ctypes.c_ssize_t, ctypes.py_object), ctypes.c_int
    count(last, "Inc")  # which the list or tuple takes
    if kind == "List":
        made = new(places)
        fill(made, places - 1, last)
        return made
    new.restype, fill.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.py_object)
    address = new(places)  # a tuple may be filled only as long as nobody else has it
    fill(address, places - 1, last)
    made = ctypes.cast(address, ctypes.py_object).value
    count(made, "Dec")
    return made


def count(obj: Any, what: str) -> None:
    change = API[f"Py_{what}Ref"]
    change.argtypes, change.restype = (ctypes.py_object,), None
    change(obj)


@pytest.fixture
def lost() -> Iterator[Callable[[Any], None]]:
    """Takes references that are never given back, as a faulty extension module does, until the test is over."""
    addresses: list[int] = []

    def lose(obj: Any) -> None:
        count(obj, "Inc")
        addresses.append(id(obj))

    yield lose
    for address in addresses:
        count(ctypes.cast(address, ctypes.py_object).value, "Dec")


@pytest.mark.parametrize("kind", ["List", "Tuple"])
def test_a_path_leads_through_one(app: Any, kind: str) -> None:
    order = Order()
    app.kept = make(kind, 3, order)
    found = find_path(order)
    assert found is not None and found.text == f"module app > kept: {kind.lower()}, 3 items > [index]"


@pytest.mark.parametrize("in_slices", [False, True])
def test_those_that_were_lost_are_found(known: Callable[[], Any], lost: Callable[[Any], None], in_slices: bool) -> None:
    before, items = known(), max(2, atexit._ncallbacks())  # as many as the list of atexit's callbacks, from 3.14 on
    many = 30 + atexit._ncallbacks()  # more than the callbacks that are there, which may hold as many
    for _ in range(many):
        lost(make("List", items, Order()))
    holding = max(find_holdings(before, in_slices=in_slices), key=lambda it: it.type_counts.get(f"{__name__}.Order", 0))
    assert holding.path.lines == ("no Python reference (held in C)", f"list, {items} items")
    lists = holding.type_counts["list"]  # one of as many items that another thread's C code has in hand is lost as well
    assert many <= lists <= many + 2 and sum(holding.type_counts.values()) == many + lists
