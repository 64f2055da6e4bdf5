"""What code and locks take is counted with them: the allocators' own figures are the witness."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable

import pytest

import memwatch

if memwatch.backend.name != "native":
    pytest.skip("only the C extension knows true sizes", allow_module_level=True)

from memwatch.backend._native import measure
from memwatch.backend.census import exact
from memwatch.backend.meters.meters import Meters

MANY = 10_000

SOURCE = """
def work(first, second=None):
    '''Text {n}.'''
    try:
        return [lambda it: it + {n}, ({n}.5, 'text {n}', (b'bytes {n}', {n}))]
    except ValueError:
        return first
"""
"""A function with constants in constants, and names that are not new: the interpreter's own table of names, which no
object leads to, stays as it is."""

KINDS: dict[str, Callable[[int], object]] = {
    "lock": lambda n: threading.Lock(),
    "condition": lambda n: threading.Condition(),
    "code": lambda n: compile(SOURCE.format(n=n + 1000), "<made>", "exec"),
}

METERS = Meters()


def taken() -> int:
    gc.collect()
    return METERS.read(force=True).base


def counted() -> int:
    return sum(nbytes for _, nbytes in exact.count_objects(True, (), None).values())


@pytest.mark.skipif(METERS.names[:2] != ("arenas", "native"), reason="the allocators do not tell exactly")
@pytest.mark.parametrize("kind", KINDS)
def test_all_that_code_and_locks_take_is_counted(kind: str) -> None:
    kept: list[object] = [None] * MANY
    for number in range(300):  # types, free lists and the census's own memory settle
        kept[number] = KINDS[kind](number)
    counted(), taken()
    before, taken_before = counted(), taken()
    for number in range(300, MANY):
        kept[number] = KINDS[kind](number)
    taken_since = taken() - taken_before
    assert counted() - before == pytest.approx(taken_since, rel=0.03)


def test_what_code_was_asked_for_is_counted_with_it() -> None:
    def counted_code() -> int:
        counts = exact.count_objects(True, (), None)
        return counts["code"][1] + counts["bytes"][1]

    (code,) = kept = [compile(SOURCE.format(n=1), "<made>", "exec")]  # what a variable alone refers to is not counted
    before = measure(code), counted_code()
    assert len(code.co_code) > 0  # kept from now on
    since = measure(code), counted_code()
    assert since[0] - before[0] == (32 if sys.version_info >= (3, 12) else 0)
    assert since[1] - before[1] >= len(code.co_code) and kept


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="a lock has no memory of the system's")
def test_a_class_derived_from_one_with_a_lock_has_one() -> None:
    lock = threading.RLock()

    class Derived(type(lock)):  # type: ignore[misc]
        __slots__ = ()

    assert measure(Derived()) - measure(lock) in (0, 16)  # a collector's header
