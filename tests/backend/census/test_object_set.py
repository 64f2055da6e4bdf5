"""The identity: the same objects as a listing has, in a fifth of the memory, and compared without touching."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from typing import Any

import pytest

import memwatch

if memwatch.backend.name != "native":
    pytest.skip("only the C extension takes identity snapshots", allow_module_level=True)

from memwatch.backend import _native
from memwatch.backend.census.contract import Cancelled, Grown, Listing, TypeTurnover
from memwatch.backend.census.exact import list_objects, take_identity

from ...properties import given, settings, st

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
    """What ObjectSet.compare() has to give, from two listings."""
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
    (rows, _), expected = before.compare(after), compared_by_listings(listed, listed_after)
    for label in (LABEL, f"{__name__}.Other", "type"):
        row = rows[label]
        assert [row.allocated, row.freed, row.doubtful] == expected[label]
        assert sum(expected[label]) > 500
    assert rows[LABEL].allocated - rows[LABEL].freed == sum(type(it) is Order for it in KEPT) - 5000


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
    row = before.compare(after)[0][LABEL]
    assert (row.doubtful + row.freed, row.doubtful + row.allocated) == (500, left + made)
    assert row.doubtful >= left and row.allocated <= made and row.freed <= 500 - left


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
    assert identity.label_at(id(KEPT[1])) == LABEL and identity.label_at(id(KEPT[1]) + 8) is None


def test_the_number_of_each_object_is_found_by_its_rank() -> None:
    identity = take_identity(True, (), None)
    listing = list_objects(True, (), None)
    step = len(listing.addresses) // 200
    rows = range(0, len(listing.addresses), step)
    found = [identity.contains(listing.addresses[row], listing.labels[listing.kinds[row]]) for row in rows]
    assert sum(found) >= 195  # a few objects came since


@pytest.mark.parametrize("births", [False, True])
def test_it_keeps_five_bytes_an_object_and_takes_eight_at_most(births: bool) -> None:
    KEPT.append([float(number) for number in range(1_200_000)])
    identity = take_identity(True, (), None, births)
    assert identity.nbytes <= 5.01 * identity.nodes  # and a page in all
    assert _native.peak_bytes() <= 8 * identity.nodes
    after = take_identity(True, (), None, since=identity if births else None)
    assert identity.nbytes <= 5.01 * identity.nodes and after.nbytes <= 5.01 * after.nodes
    assert _native.peak_bytes() <= 8 * after.nodes


def test_nothing_of_the_program_is_kept() -> None:
    before = take_identity(True, (), None)
    KEPT.extend(Order() for _ in range(10))
    identity = take_identity(True, (), None)
    assert not any(type(held) is Order for held in gc.get_referents(identity))
    KEPT.clear()
    assert identity.compare(take_identity(True, (), None))[0][LABEL] == TypeTurnover(0, 10, 0)
    assert before.compare(identity)[0][LABEL] == TypeTurnover(10, 0, 0)


def test_more_types_than_sixteen_bits_have_numbers() -> None:
    program = """
from memwatch.backend.census.exact import take_identity
kept = [type(f"Kind{number}", (), {"__slots__": ()})() for number in range(70_000)]
before = take_identity(False, (), None)
del kept[69_000:]
rows, _ = before.compare(take_identity(False, (), None))
print(rows["__main__.Kind69999"].freed, rows["__main__.Kind5"].doubtful)
print(before.contains(id(kept[60_000]), "__main__.Kind60000"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "1 1\nTrue\n"


def test_its_addresses_are_those_of_a_listing() -> None:
    KEPT[:] = [Order() for _ in range(500)]
    identity, listing = take_identity(True, (), None), list_objects(True, (), None)
    addresses = identity.addresses()
    assert list(addresses) == sorted(addresses) and addresses.typecode == "Q"
    assert {id(order) for order in KEPT} <= set(addresses)
    assert len(set(addresses) ^ set(listing.addresses)) < 50


def test_what_came_is_told_by_label() -> None:
    KEPT[:] = [Order() for _ in range(500)]
    before = take_identity(True, (), None)
    new = [Order() for _ in range(300)]
    KEPT.extend([new, [Other() for _ in range(100)]])
    after = take_identity(True, (), None)
    assert list(before.came(after, {LABEL})) == sorted(map(id, new))
    assert len(before.came(after, {LABEL, f"{__name__}.Other"})) == 400
    assert len(before.came(after, ())) == len(before.came(after, {"no such label"})) == 0


def containers() -> list[Any]:
    return [[], {}, set(), bytearray(), deque(), OrderedDict(), List(), defaultdict(int)]


class List(list):  # type: ignore[type-arg]
    pass


def fill(container: Any, start: int, stop: int) -> None:
    for number in range(start, stop):
        if isinstance(container, dict):
            container[number] = None
        elif isinstance(container, set):
            container.add(number)
        else:
            container.append(number % 256)


def grown_of(before: Any, after: Any) -> dict[int, Grown]:
    return {grown.address: grown for grown in before.compare(after)[1]}


def test_containers_that_grew_in_place_are_told_with_their_sizes() -> None:
    KEPT[:] = [containers(), containers()]
    for container in KEPT[1]:
        fill(container, 0, 2000)
    before = take_identity(True, (), None)
    for container in KEPT[0]:
        fill(container, 0, 3000)
    for container in KEPT[1]:
        fill(container, 2000, 9000)
    after = take_identity(True, (), None)
    grown = grown_of(before, after)
    for small, large in zip(*KEPT, strict=True):
        assert grown[id(small)].before_bytes == 0
        assert grown[id(large)].before_bytes >= 1024
        for container in (small, large):
            told = grown[id(container)].after_bytes
            assert abs(told - _native.measure(container)) <= 0.25 * told
    assert grown[id(KEPT[0][6])].what == f"{__name__}.List"
    assert not grown_of(after, take_identity(True, (), None)).keys() & grown.keys()


def test_it_can_be_given_up_and_run_out_of_memory() -> None:
    with pytest.raises(Cancelled):
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
    with pytest.raises(ValueError, match="taken with births"):
        take_identity(True, (), None, since=take_identity(True, (), None))


def test_out_of_memory_where_it_is_looked_into() -> None:
    KEPT[:] = [containers()]
    before = take_identity(False, (), None)
    for container in KEPT[0]:
        fill(container, 0, 3000)
    after = take_identity(False, (), None)
    looks = (before.addresses, lambda: before.compare(after), lambda: before.came(after, {"list"}))
    for look in looks:
        _native.fail_after(0)
        with pytest.raises(MemoryError):
            look()
        _native.fail_after(-1)
        assert look() is not None
