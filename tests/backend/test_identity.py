"""The identity snapshot: the same objects as a listing has, in a fifth of the memory, and compared without touching."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import memwatch

if memwatch.backend.name != "native":
    pytest.skip("only the C extension takes identity snapshots", allow_module_level=True)

from memwatch.backend import _native
from memwatch.backend._exact import list_objects, take_identity
from memwatch.backend.contract import GaveUp, Listing

KEPT: list[Any] = []


class Order:
    __slots__ = ("number",)


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    KEPT.clear()
    yield
    KEPT.clear()
    _native.fail_after(-1)


LABEL = f"{__name__}.Order"


def compared_by_listings(before: Listing, after: Listing) -> dict[str, list[int]]:
    """What Identity.compare() has to give, from two listings."""
    old, new = (dict(zip(it.addresses, map(it.labels.__getitem__, it.kinds), strict=True)) for it in (before, after))
    stayed = Counter(label for address, label in old.items() if new.get(address) == label)
    freed, allocated = Counter(old.values()) - stayed, Counter(new.values()) - stayed
    return {label: [allocated[label], freed[label], stayed[label]] for label in {*old.values(), *new.values()}}


class Other:
    __slots__ = ()


def test_it_compares_as_two_listings_do() -> None:
    KEPT[:] = [Order() for _ in range(5000)]
    gc.collect()
    before, listed = take_identity(True, (), None), list_objects(True, (), None)
    KEPT[::3] = [(Other if number % 2 else Order)() for number in range(len(KEPT[::3]))]
    del KEPT[-500:]
    after, listed_after = take_identity(True, (), None), list_objects(True, (), None)
    rows, expected = before.compare(after), compared_by_listings(listed, listed_after)
    for label in (LABEL, f"{__name__}.Other", "type"):
        assert list(rows[label]) == expected[label]
        assert sum(rows[label]) > 500
    assert rows[LABEL][0] - rows[LABEL][1] == sum(type(it) is Order for it in KEPT) - 5000


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 2000), max_size=60), st.integers(0, 300))
def test_net_change_is_exact_whatever_is_freed_and_made(gone: list[int], made: int) -> None:
    KEPT[:] = [Order() for _ in range(500)]
    before = take_identity(False, (), None)
    for place in gone:
        if place < len(KEPT):
            del KEPT[place]
    left = len(KEPT)
    KEPT.extend(Order() for _ in range(made))
    after = take_identity(False, (), None)
    allocated, freed, stayed = before.compare(after)[LABEL]
    assert (stayed + freed, stayed + allocated) == (500, left + made)
    assert stayed >= left and allocated <= made and freed <= 500 - left


def test_totals_and_membership() -> None:
    KEPT.extend(Order() for _ in range(300))
    KEPT.append("a text " * 9)
    identity = take_identity(True, (KEPT[0],), None)
    assert identity.totals[LABEL][0] == 299
    assert identity.nodes == sum(count for count, _ in identity.totals.values())
    assert not identity.contains(id(KEPT[0]), LABEL)
    assert all(identity.contains(id(order), LABEL) for order in KEPT[1:300])
    assert identity.contains(id(KEPT[300]), "str") and not identity.contains(id(KEPT[300]), LABEL)
    assert not any(identity.contains(address, LABEL) for address in (0, 1, 8, id(KEPT[1]) + 8, 2**63))


def test_the_number_of_each_object_is_found_by_its_rank() -> None:
    identity = take_identity(True, (), None)
    listing = list_objects(True, (), None)
    step = len(listing.addresses) // 200
    rows = range(0, len(listing.addresses), step)
    found = [identity.contains(listing.addresses[row], listing.labels[listing.kinds[row]]) for row in rows]
    assert sum(found) >= 195  # a few objects came since


def test_it_keeps_five_bytes_an_object_and_takes_eight_at_most() -> None:
    KEPT.append([float(number) for number in range(300_000)])
    identity = take_identity(True, (), None)
    assert identity.nbytes <= 5 * identity.nodes
    assert _native.peak_bytes() <= 8 * identity.nodes


def test_nothing_of_the_program_is_kept() -> None:
    before = take_identity(True, (), None)
    KEPT.extend(Order() for _ in range(10))
    identity = take_identity(True, (), None)
    assert not any(type(held) is Order for held in gc.get_referents(identity))
    KEPT.clear()
    allocated, freed, _ = identity.compare(take_identity(True, (), None))[LABEL]
    assert (allocated, freed) == (0, 10)
    assert before.compare(identity)[LABEL][:2] == (10, 0)


def test_more_types_than_sixteen_bits_have_numbers() -> None:
    program = """
from memwatch.backend._exact import take_identity
kept = [type(f"Kind{number}", (), {"__slots__": ()})() for number in range(70_000)]
before = take_identity(False, (), None)
del kept[69_000:]
rows = before.compare(take_identity(False, (), None))
print(rows["__main__.Kind68999"], rows["__main__.Kind5"], before.contains(id(kept[60_000]), "__main__.Kind60000"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "(0, 0, 1) (0, 0, 1) True\n"


def test_it_can_be_given_up_and_run_out_of_memory() -> None:
    with pytest.raises(GaveUp):
        take_identity(True, (), lambda: True)
    failures = 0
    while True:
        _native.fail_after(failures)
        try:
            assert take_identity(True, (), None).nodes
            break
        except MemoryError:
            failures += 1
    assert failures > 4


def test_wrong_labels_are_refused() -> None:
    snapshot = take_identity(False, (), None)._snapshot
    with pytest.raises(ValueError, match="a type has no label"):
        snapshot.compare(snapshot, [0], [0], 1)
    with pytest.raises(ValueError, match="larger than the number of labels"):
        snapshot.compare(snapshot, [5], [0], 1)
    with pytest.raises(TypeError):
        snapshot.compare(None, [0], [0], 1)  # type: ignore[arg-type]
