"""Labels and sizes of types, whatever their authors did to them."""

from __future__ import annotations

import abc
import collections
import sys
from typing import Any

import pytest

from memwatch.backend.type_labels import KindTable, is_plain, size_reader, type_label


class Outer:
    class Inner:
        pass


class Hostile(type):
    """A metaclass on which everything that is looked up or compared fails."""

    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(f"{name} was read")

    def __eq__(cls, other: object) -> bool:
        raise RuntimeError("compared")

    def __hash__(cls) -> int:
        raise RuntimeError("hashed")


class Cursed(metaclass=Hostile):
    def __sizeof__(self) -> int:
        raise RuntimeError("sized")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    def __hash__(self) -> int:
        raise RuntimeError("hashed")

    @property
    def __class__(self) -> Any:
        raise RuntimeError("class was read")


class LyingList(list):  # type: ignore[type-arg]
    def __sizeof__(self) -> int:
        return 10**9


class NoneSized:
    __sizeof__ = None  # type: ignore[assignment]


class Text(str):
    def __format__(self, spec: str) -> str:
        raise RuntimeError("formatted")

    __str__ = __repr__ = lambda self: "never"  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("cls", "label"),
    [
        (dict, "dict"),
        (type(None), "NoneType"),
        (type(len), "builtin_function_or_method"),
        (collections.deque, "collections.deque"),
        (Outer.Inner, f"{__name__}.Outer.Inner"),
        (Cursed, f"{__name__}.Cursed"),
        (type("Odd", (), {"__module__": 5}), "?.Odd"),
        (type("Odd", (), {"__module__": Text("shop"), "__qualname__": "A.Odd"}), "shop.A.Odd"),
    ],
    ids=lambda value: value if type(value) is str else "",
)
def test_label_is_module_and_qualname_and_a_builtin_is_bare(cls: type, label: str) -> None:
    assert type_label(cls) == label
    assert type(type_label(cls)) is str


def test_plain_are_types_that_can_be_named_as_attributes() -> None:
    assert is_plain(dict) and is_plain(Outer) and is_plain(collections.deque)
    assert not is_plain(Outer.Inner)
    assert not is_plain(Cursed)
    assert not is_plain(abc.ABC)
    assert not is_plain(type("Odd", (), {"__module__": 5}))
    assert not is_plain(type("Odd", (), {"__module__": ""}))


@pytest.mark.parametrize("value", [[1, 2], {}, "ä" * 50, b"x" * 99, 10**30, 1.5, (1,), Outer(), Outer, object(), print])
def test_size_is_what_sys_getsizeof_says(value: object) -> None:
    assert size_reader(type(value))(value) == sys.getsizeof(value)


def test_python_sizeof_is_never_run_and_the_nearest_c_one_taken() -> None:
    lying, cursed = LyingList([1, 2, 3]), Cursed()
    assert size_reader(LyingList)(lying) == list.__sizeof__(lying) + sys.getsizeof(()) - ().__sizeof__()
    assert 16 <= size_reader(Cursed)(cursed) < 200
    assert 16 <= size_reader(NoneSized)(NoneSized()) < 200


def test_table_gives_one_place_to_types_of_one_label() -> None:
    twins = [type("Twin", (), {"__module__": "shop"})() for _ in range(2)]
    table = KindTable()
    ids = table.ids(twins)
    assert ids[0] != ids[1]
    assert table.places(ids) == [0, 0]
    assert table.labels == ["shop.Twin"]


def test_one_hostile_object_costs_the_others_nothing() -> None:
    objects: list[object] = ["text", Cursed(), LyingList()]
    table = KindTable()
    ids = table.ids(objects)
    assert table.sizes(objects, ids)[0] == sys.getsizeof("text")
    assert all(0 < size < 200 for size in table.sizes(objects, ids))
