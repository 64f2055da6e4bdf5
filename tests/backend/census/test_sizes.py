"""The bytes of an object are what the allocator gave for it: tracemalloc, which sees every request, is the witness."""

from __future__ import annotations

import array
import collections
import gc
import io
import sys
import tracemalloc
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import memwatch

if memwatch.backend.name != "native":
    pytest.skip("only the C extension knows true sizes", allow_module_level=True)

from memwatch.backend._native import measure
from memwatch.backend.census.referents import FrozenDict

MANY = 2000


class Order:
    def __init__(self, number: int) -> None:
        self.number = None
        self.text = None
        self.rows = None


class Slotted:
    __slots__ = ("number", "text")


class Wide(Order):
    def __init__(self, number: int) -> None:
        for name in NAMES:
            setattr(self, name, None)


class MyList(list):  # type: ignore[type-arg]
    pass


class MyDict(dict):  # type: ignore[type-arg]
    pass


class MyStr(str):
    pass


class MyInt(int):
    pass


class MyBytes(bytes):
    pass


class MyTuple(tuple):  # type: ignore[type-arg]
    pass


class MySet(set):  # type: ignore[type-arg]
    pass


class Point(NamedTuple):
    x: None
    y: None


class LyingList(list):  # type: ignore[type-arg]
    def __sizeof__(self) -> int:
        raise AssertionError("a method of the program was run")


NAMES = [f"name_{number}" for number in range(12)]
TEXTS = [f"key {number}" for number in range(100)]
ITEMS = (None,) * 7
DICTS = [dict.fromkeys(TEXTS[:length]) for length in range(60)]


def appended(length: int) -> list[None]:
    made: list[None] = []
    for _ in range(length):
        made.append(None)  # leaves room to grow
    return made


def without_values() -> dict[str, None]:
    made = dict.fromkeys(TEXTS)
    for text in TEXTS[2:]:
        del made[text]
    return made


def set_of(kind: Callable[[], set[str]], length: int) -> set[str]:
    made = kind()
    made.update(TEXTS[:length])
    return made


def mixed(length: int) -> dict[Any, None]:
    return {1: None, **dict.fromkeys(TEXTS[:length])}


KINDS: dict[str, Callable[[int], object]] = {
    "float": lambda n: n + 0.5,
    "complex": lambda n: complex(n, 1),
    "int": lambda n: (1 << 20) + n,
    "int of many digits": lambda n: int.from_bytes(b"\7" * (20 + n % 100), "big"),
    "negative int": lambda n: -n - (1 << 20),
    "str": lambda n: f"text {n}",
    "str of two bytes": lambda n: f"\u20ac {n}",
    "str of four bytes": lambda n: f"\U0001f600 {n}",
    "str of Latin 1": lambda n: f"\xe4\xf6 {n}",
    "bytes": lambda n: b"%d bytes" % n,
    "bytearray": lambda n: bytearray(b"%d bytes" % n),
    "tuple": lambda n: (*ITEMS[: n % 5], None),
    "list": lambda n: [None] * (n % 50),
    "list with room": lambda n: appended(n % 50),
    "empty list": lambda n: [],
    "dict": lambda n: dict.fromkeys(TEXTS[: n % 60]),
    "empty dict": lambda n: {},
    "frozendict": lambda n: FrozenDict(DICTS[n % 60]),
    "dict that shrank": lambda n: without_values(),
    "dict of any keys": lambda n: mixed(n % 60),
    "set": lambda n: set_of(set, n % 60),
    "frozenset": lambda n: frozenset(TEXTS[: n % 60]),
    "instance": Order,
    "instance with many attributes": Wide,
    "slots": lambda n: Slotted(),
    "named tuple": lambda n: Point(None, None),
    "subclass of list": lambda n: MyList(ITEMS),
    "subclass of dict": lambda n: MyDict.fromkeys(TEXTS[:9]),
    "subclass of str": lambda n: MyStr(TEXTS[n % 100]),
    "subclass of int": lambda n: MyInt((1 << 70) + n),
    "subclass of bytes": lambda n: MyBytes(b"%d bytes"),
    "subclass of tuple": lambda n: MyTuple(ITEMS),
    "subclass of set": lambda n: set_of(MySet, n % 30),
    "array": lambda n: array.array("d", bytes(8 * (n % 30))),
    "deque": lambda n: collections.deque(ITEMS),
    "OrderedDict": lambda n: collections.OrderedDict.fromkeys(TEXTS[:5]),
    "cell": lambda n: types.CellType(None),
    "slice": lambda n: slice(None, None),
    "bare object": lambda n: object(),
}


def given(size: int) -> int:
    """What the allocator gives for a block: Python's own in steps of 16, malloc with 8 bytes for itself."""
    return (size if size <= 512 else size + 8) + 15 & ~15


def taken_now() -> int:
    return sum(given(trace.size) for trace in tracemalloc.take_snapshot().traces)


def taken_by(make: Callable[[int], object]) -> tuple[int, int]:
    """Bytes that the allocator gave for MANY objects, and what the census says of them."""
    kept: list[object] = [None] * MANY
    for number in range(MANY):  # types and free lists settle
        kept[number] = make(number)
    for number in range(MANY):
        kept[number] = None
    # What a free list hands out again is not seen by the witness: it is used up first.
    spare: list[object] = [[[], {}, dict.fromkeys(TEXTS[:1]), 0.1 + n] for n in range(300)]
    spare += [(*ITEMS[: n % 7], None) for n in range(20_000)]
    spare += [(1 << 20) + n for n in range(300)]
    gc.disable()
    tracemalloc.start()
    try:
        before = taken_now()
        for number in range(MANY):
            kept[number] = make(number)
        number = 0
        taken = taken_now() - before
    finally:
        tracemalloc.stop()
        gc.enable()
    del spare
    return taken, sum(map(measure, kept))


@pytest.mark.parametrize("kind", KINDS)
def test_size_is_what_the_allocator_gave(kind: str) -> None:
    taken, counted = taken_by(KINDS[kind])
    assert counted == pytest.approx(taken, abs=3000 + taken * 0.001)


def test_a_method_in_python_is_passed_over_for_the_nearest_in_c() -> None:
    fresh = type("Fresh", (list,), {})  # room for attributes shrinks with the instances that a class has had
    assert measure(LyingList(ITEMS)) == measure(fresh(ITEMS))


def test_a_size_in_c_that_fails_or_lies_harms_nothing() -> None:
    kept = type("Cursed", (), {"__sizeof__": None})()
    assert 16 <= measure(kept) < 400


def test_attributes_in_a_dict_of_their_own_are_counted_once() -> None:
    orders = [Order(number) for number in range(MANY)]
    plain = sum(map(measure, orders))
    taken, _ = taken_by(Order)
    dicts = [vars(order) for order in orders]  # makes them
    both = sum(map(measure, orders)) + sum(map(measure, dicts))
    assert taken == pytest.approx(plain, rel=0.02)
    assert both - plain == pytest.approx(MANY * measure({}), rel=0.01)


def test_a_class_has_its_members_and_shared_keys() -> None:
    few, many = type("Few", (), {"__slots__": ("a",)}), type("Many", (), {"__slots__": tuple(NAMES)})
    assert measure(many) - measure(few) == pytest.approx(40 * (len(NAMES) - 1), abs=16)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the bytes are no object of their own to see")
def test_the_bytes_of_a_stream_are_counted_once() -> None:
    stream = io.BytesIO()
    stream.write(b"x" * 50_000)
    assert measure(stream) < 200 and sum(map(measure, gc.get_referents(stream)[-1:])) > 50_000


@pytest.mark.skipif(sys.version_info < (3, 12), reason="before 3.12 a StringIO keeps its texts in a list hidden in C")
def test_a_text_stream_has_what_was_written_to_it() -> None:
    class Log(io.StringIO):
        """Derived from it."""

    for kind in (io.StringIO, Log):
        stream = kind()
        empty = measure(stream)
        for _ in range(500):
            stream.write("x" * 100)
        assert measure(stream) - empty == pytest.approx(50_000, rel=0.05)
        stream.seek(0)
        assert len(stream.read(100)) == 100
        assert measure(stream) - empty >= 4 * 50_000  # it is an array now
        stream.close()
        assert measure(stream) <= empty + 64
