"""Objects of memwatch's own, which no census counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memwatch.backend.census.exclude import find_internal, parts_of
from memwatch.internal import TYPES, internal


@pytest.fixture(autouse=True)
def _internal_classes_of_a_test_are_forgotten() -> Iterator[None]:
    before = set(TYPES)
    yield
    TYPES.intersection_update(before)  # the next class at such an address is somebody else's


def test_internal_goes_by_identity_not_by_name() -> None:
    def make(mark: bool) -> type:
        class HeapDiff:
            def __init__(self) -> None:
                self.rows = [1]

        return internal(HeapDiff) if mark else HeapDiff

    ours, theirs = make(True)(), make(False)()
    assert find_internal([ours, theirs, [], ours.__init__, theirs.__init__]) == [ours, ours.__init__]


def test_parts_are_the_containers_of_the_instance_and_go_no_deeper() -> None:
    @internal
    class Holder:
        __slots__ = ("deep", "empty", "name")

    holder = Holder()
    inner = ["the program's"]
    holder.deep, holder.empty, holder.name = [inner], (), "x"
    parts = parts_of([holder])
    assert {id(holder), id(holder.deep)} <= parts
    assert parts.isdisjoint({id(inner), id(()), id(holder.name)})
