"""The memory of the C extension: none of it is Python's, all of it is given back, and running out is an error."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import memwatch

if memwatch.backend.name != "native":
    pytest.skip("the C extension is not in use", allow_module_level=True)

from memwatch.backend import _native
from memwatch.backend.census import exact

KEPT: list[Any] = []


class Order:
    def __init__(self, number: int) -> None:
        self.number = number


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    KEPT.clear()
    yield
    KEPT.clear()
    _native.fail_after(-1)
    gc.collect()  # classes are garbage until then, and other tests judge what a collection frees


@pytest.mark.parametrize("walk", [exact.count_objects, exact.list_objects, exact.take_identity])
@pytest.mark.parametrize("deep", [True, False])
def test_out_of_memory_at_every_mapping(walk: Any, deep: bool) -> None:
    chain: Any = ()
    for _ in range(2000):  # for the stack: a tuple that holds nothing tracked is not tracked from a collection on
        chain = (tuple(chain for _ in range(20)), chain)
        gc.collect(0)
    KEPT.extend([chain, [Order(number) for number in range(3000)]])
    KEPT.extend(type(f"Kind{number}", (), {})() for number in range(600))
    gc.collect()
    failures = 0
    while True:
        _native.fail_after(failures)
        try:
            walk(deep, (), None)
        except MemoryError:
            failures += 1
            assert _native.fail_after(-1) == 0
        else:
            break
    assert failures >= (4 if deep else 3)
    _native.fail_after(-1)
    assert walk(deep, (), None)


def test_memory_for_a_walk_is_small_and_given_back() -> None:
    KEPT.append([Order(number) for number in range(300_000)])
    gc.collect()
    nodes = sum(number for number, _ in exact.count_objects(True, (), None).values())
    assert _native.peak_bytes() <= 2 * nodes
    mapped = count_mappings()
    for _ in range(8):
        exact.count_objects(True, (), None)
        exact.list_objects(True, (), None)
    assert count_mappings() <= mapped + 3


def count_mappings() -> int:
    try:
        with open("/proc/self/maps") as lines:
            return sum(1 for _ in lines)
    except OSError:
        pytest.skip("there is no list of mappings")


def test_a_hundred_censuses_leave_nothing_behind() -> None:
    program = """
import gc, sys
from memwatch.backend.census import exact
def rounds(number):
    for _ in range(number):
        exact.count_objects(True, (), None)
        exact.list_objects(True, (), None)
    gc.collect()
    return sys.getallocatedblocks()
rounds(20)
before = rounds(20)
print(rounds(100) - before < 20)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
