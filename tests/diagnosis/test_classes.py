"""Whose a class is, and whether its instances may keep memory that no walk sees, by its label alone."""

from __future__ import annotations

import collections
import datetime
import json
import sqlite3
import weakref
from typing import Any

import pytest

from memwatch.backend.type_labels import type_label
from memwatch.diagnosis.classes import can_be_closed, is_programs, is_standard, keepers_of_native, unseen_keepers
from memwatch.diagnosis.parts import Part, join_parts


class Order:
    __slots__ = ("total",)


class Callback(weakref.ref):  # type: ignore[type-arg]
    pass


@pytest.mark.parametrize(
    ("cls", "own", "standard"),
    [(Order, True, False), (json.JSONDecoder, False, True), (pytest.Item, False, False), (dict, False, False)],
)
def test_whose_a_class_is(cls: type, own: bool, standard: bool) -> None:
    assert (is_programs(type_label(cls)), is_standard(type_label(cls))) == (own, standard)


def test_a_class_whose_module_is_gone_is_nobodys() -> None:
    assert not is_programs("gone.Order") and not is_programs("?") and not is_programs("")


def test_what_an_extension_has_made_may_keep_native_memory() -> None:
    classes: list[Any] = [Order, Callback, sqlite3.Connection, dict, bytes, datetime.datetime, collections.deque]
    derived = type("Database", (sqlite3.Connection,), {"__module__": "app"})
    labels = {type_label(cls) for cls in [*classes, derived]}
    assert keepers_of_native(labels) == {"sqlite3.Connection", "app.Database"}


def test_what_the_collector_cannot_look_into_may_keep_objects_unseen() -> None:
    native = pytest.importorskip("memwatch.backend._native")
    classes: list[Any] = [Order, dict, bytes, sqlite3.Connection, datetime.datetime, native.Snapshot]
    assert unseen_keepers({type_label(cls) for cls in classes}) == {type_label(native.Snapshot)}


def joined(*parts: tuple[str, int, int], cycles: bool = False) -> list[tuple[str, int, int]]:
    """Parts by label, count and samples, of a byte an object; after they were joined with their bytes."""
    made = join_parts((Part(label, count, float(count), samples) for label, count, samples in parts), cycles)
    return [(it.label, it.count, int(it.size_bytes)) for it in made]


OWN = type_label(Order)


def test_what_comes_in_equal_number_belongs_to_the_class() -> None:
    assert joined((OWN, 100, 0), ("dict", 100, 0), ("str", 203, 0), ("int", 150, 0)) == [
        (OWN, 100, 403),
        ("int", 150, 150),
    ]


def test_a_library_s_class_belongs_to_the_program_s_own_and_no_library_s_to_another() -> None:
    assert joined(("lib.Item", 100, 0), (OWN, 100, 0)) == [(OWN, 100, 200)]
    assert joined(("lib.Item", 100, 0), ("lib.Other", 100, 0), ("dict", 100, 0)) == [
        ("lib.Item", 100, 100),
        ("lib.Other", 100, 100),
        ("dict", 100, 100),
    ]
    assert joined(("lib.Item", 100, 0), ("_thread.lock", 200, 0)) == [("lib.Item", 100, 300)]


def test_few_samples_tell_of_no_equal_number() -> None:
    assert joined((OWN, 100, 4), ("dict", 100, 90)) == [(OWN, 100, 100), ("dict", 100, 100)]
    assert joined((OWN, 100, 90), ("dict", 120, 90)) == [(OWN, 100, 220)]
    assert joined((OWN, 100, 90), ("dict", 140, 90)) == [("dict", 140, 140), (OWN, 100, 100)]


def test_what_hangs_together_in_cycles_belongs_to_the_class_in_any_number() -> None:
    parts = ("dict", 1430, 0), (OWN, 100, 0), ("str", 40, 0)
    assert joined(*parts, cycles=True) == [(OWN, 100, 1530), ("str", 40, 40)]
    assert joined(*parts)[0] == ("dict", 1430, 1430)


def test_what_has_a_method_close_can_be_closed() -> None:
    assert can_be_closed("_io.StringIO") and not can_be_closed("memoryview") and not can_be_closed("nowhere.Nothing")
