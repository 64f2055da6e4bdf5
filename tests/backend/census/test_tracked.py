"""The list of tracked objects holds no tuple that another thread may just be making, and says what it left out."""

from __future__ import annotations

import dis
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import memwatch
from memwatch import retain
from memwatch.backend.census import tracked
from memwatch.backend.census.contract import Cancelled
from memwatch.backend.census.tracked import list_tracked
from memwatch.backend.meters.allocator import given


class Marked:
    """Its instances are easy to find."""


@contextmanager
def makers_of_tuples() -> Iterator[list[str]]:
    """Two threads that make tuples from iterators, with many switches between threads; what went wrong there."""
    going, errors = [True], list[str]()

    def make() -> None:
        while going:
            try:
                tuple(number * 2 for number in range(20_000))
            except SystemError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=make) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        for thread in threads:
            thread.start()
        yield errors
    finally:
        going.clear()
        sys.setswitchinterval(interval)
        for thread in threads:
            thread.join()


def take_diff() -> None:
    with memwatch.HeapDiff():
        pass


def find_path() -> None:
    retain.find_path(Marked())


@pytest.mark.parametrize("look", [take_diff, find_path])
def test_threads_that_make_tuples_are_not_disturbed(look: Callable[[], None]) -> None:
    looks = 1 if memwatch.backend.name == "pure" else 5  # which takes ten times as long
    with makers_of_tuples() as errors:
        for _ in range(looks):
            look()
    assert errors == []


def test_nothing_that_switches_threads_stands_between_the_list_and_the_last_line() -> None:
    code = list(dis.get_instructions(tracked._fetch))
    names = [instruction.opname for instruction in code]
    begin = names.index("UNPACK_SEQUENCE")
    additions = [place for place, instruction in enumerate(code) if instruction.argrepr == "+="]
    end = additions[-1] + 1
    assert len(additions) == 6
    assert not [name for name in names[begin:end] if name.startswith(("CALL", "JUMP", "FOR", "RESUME", "BUILD"))]


def test_a_tuple_with_one_owner_is_told_by_address_and_size_alone() -> None:
    owner = [(Marked(),)]
    address, size = id(owner[0]), sys.getsizeof(owner[0])
    found = list_tracked()
    try:
        assert dict(zip(found.lone_addresses, found.lone_sizes, strict=True))[address] == size
        assert address not in map(id, found.objects)
    finally:
        found.clear()


def test_a_tuple_with_two_owners_is_held() -> None:
    shared = (Marked(),)
    owners = [shared, shared]
    found = list_tracked()
    try:
        assert any(it is shared for it in found.objects)
        assert id(shared) not in found.lone_addresses
    finally:
        found.clear()
    assert len(owners) == 2


def test_every_other_object_is_listed_and_what_listing_needed_is_not() -> None:
    kept = [Marked() for _ in range(10)]
    found = list_tracked()
    others = found.others()
    found.clear()
    assert {id(it) for it in others if type(it) is Marked} >= set(map(id, kept))
    assert not [it for it in others if type(it) in (map, tracked.compress, tracked.cycle, tracked.chain)]


def test_nothing_stays_when_it_is_cleared() -> None:
    kept = [Marked()]
    before = sys.getrefcount(kept[0])
    found = list_tracked()
    found.clear()
    after = sys.getrefcount(kept[0])
    assert after == before
    assert not found.objects and not found.lone_addresses


def test_no_collection_is_needed_to_let_go() -> None:
    gc.collect()
    gc.disable()
    try:
        kept = [Marked()]
        for _ in range(3):
            list_tracked().clear()
        holders = sys.getrefcount(kept[0])
    finally:
        gc.enable()
    assert holders == 2


def test_lone_tuples_are_counted_once_whether_they_are_reached_or_not() -> None:
    with memwatch.HeapDiff() as heap_diff:
        kept = [(Marked(),) for _ in range(1000)]
    row = next(row for row in heap_diff.diff.change.details if row.what == "tuple")
    assert len(kept) == 1000
    size = sys.getsizeof(kept[0])
    assert 1000 * size - 4000 < row.size_bytes < 1000 * given(size) + 4000  # others may go meanwhile


def test_without_a_gil_and_without_the_extension_nothing_is_listed_while_other_threads_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracked, "FREE_THREADED", True)
    monkeypatch.setattr(tracked, "_take", None)
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        with pytest.raises(Cancelled, match="on free-threaded Python the heap is not walked beside other threads"):
            list_tracked()
    finally:
        ended.set()
        thread.join()
