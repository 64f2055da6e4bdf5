"""Samples that are objects: each has its type, whether it is tracked, has attributes, or nothing refers to it."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from memwatch.backend import _native
from memwatch.backend.allocations.live import Sampled
from memwatch.backend.allocations.recorded import read_recorded
from memwatch.backend.allocations.recorder import Recorder
from memwatch.backend.type_labels import every_type


class Plain:
    """Has the collector's head and its attributes' words before it."""

    def __init__(self) -> None:
        self.name = None


class Slotted:
    """Has the collector's head alone."""

    __slots__ = ("name",)


class Number(int):
    """Has a size of its own."""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder(1)
    made.start()
    assert made.problem == ""
    yield made
    made.stop()


def samples_of(recorder: Recorder, make: Callable[[], object]) -> tuple[object, tuple[Sampled, ...]]:
    begun = time.monotonic_ns()
    kept = make()
    return kept, read_recorded(recorder, begun, time.monotonic_ns())[0]


@pytest.mark.parametrize(
    ("make", "label"),
    [
        (Plain, f"{__name__}.Plain"),
        (Slotted, f"{__name__}.Slotted"),
        (lambda: Number(1 << 80), f"{__name__}.Number"),
        (lambda: "x" * sys.getrecursionlimit(), "str"),
        (lambda: bytes(999), "bytes"),
        (lambda: (object(),) * 40, "tuple"),
        (lambda: type("Made", (), {"__module__": "m"}), "type"),
        (lambda: bytearray(1 << 20), "bytearray"),
    ],
    ids=["plain", "slotted", "number", "str", "bytes", "tuple", "type", "bytearray"],
)
def test_an_object_is_found_with_its_type_at_its_address(
    recorder: Recorder, make: Callable[[], Any], label: str
) -> None:
    kept, found = samples_of(recorder, lambda: [make() for _ in range(200)])
    assert isinstance(kept, list)
    addresses = {sample.address for sample in found if sample.label == label}
    reused = 100  # what lay in a free list was not allocated
    assert len(addresses & set(map(id, kept))) >= reused


def test_names_that_the_cache_of_attributes_keeps_are_not_held(recorder: Recorder) -> None:
    look_up = ctypes.pythonapi.PyObject_GetAttrString  # makes a str of the name each time, as much C code does
    look_up.restype, look_up.argtypes = ctypes.py_object, (ctypes.py_object, ctypes.c_char_p)
    plain = Plain()

    def look_up_often() -> None:
        for _ in range(20_000):
            look_up(plain, b"name")

    _, found = samples_of(recorder, look_up_often)
    assert sum(sample.label == "str" for sample in found) < 100


def test_a_buffer_that_holds_types_is_no_object(recorder: Recorder) -> None:
    kept, found = samples_of(recorder, lambda: [[None, int, None, int] * 100 for _ in range(50)])
    assert sum(sample.label == "" for sample in found) >= 50
    assert kept and sum(sample.label == "int" for sample in found) < 10  # others' small numbers, if any


def test_only_types_that_are_given_are_believed(recorder: Recorder) -> None:
    kept = [Slotted() for _ in range(100)]
    assert _native.sampling_objects([]) == b""
    assert 0 < len(_native.sampling_objects([Slotted])) <= 24 * len(kept) + 24 * 10
    for wrong in (None, (Slotted,), [Slotted()], [1]):
        with pytest.raises(TypeError):
            _native.sampling_objects(wrong)  # type: ignore[arg-type]


def test_every_class_is_known_once_and_no_metaclass_is_asked() -> None:
    class Meta(type):
        def __subclasses__(cls) -> list[type]:  # type: ignore[override]
            raise AssertionError

        def __hash__(cls) -> int:
            raise AssertionError

    class Base(metaclass=Meta): ...

    class Derived(Base): ...

    found = every_type()
    assert len(set(map(id, found))) == len(found)
    assert {id(cls) for cls in (object, type, int, Slotted, Meta, Base, Derived)} <= set(map(id, found))


def test_without_memory_it_says_so(recorder: Recorder) -> None:
    kept, types = [Slotted() for _ in range(2000)], every_type()
    answers = []
    for mappings in range(100):
        _native.sampling_fail_after(mappings)
        try:
            answers.append(len(_native.sampling_objects(types)) >= 24 * 1000)
        except MemoryError:
            answers.append(None)
        finally:
            _native.sampling_fail_after(-1)
        if answers[-1] is not None:
            break
    assert len(answers) > 3 and answers[-1] is True and set(answers[:-1]) == {None} and kept
