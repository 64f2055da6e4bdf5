"""The C extension alone: it sees what the pure backend sees, survives what a heap can hold, and keeps nothing."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import memwatch

if memwatch.backend.name != "native":
    pytest.skip("the C extension is not in use", allow_module_level=True)

from memwatch.backend import _native
from memwatch.backend.census import exact, pure
from memwatch.backend.census.contract import Cancelled, Listing
from memwatch.backend.census.referents import FrozenDict
from memwatch.internal import TYPES, internal

KEPT: list[Any] = []


class Order:
    def __init__(self, number: int) -> None:
        self.number = number


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    KEPT.clear()
    own_types = set(TYPES)
    yield
    KEPT.clear()
    TYPES.intersection_update(own_types)  # the next class at such an address is somebody else's
    _native.fail_after(-1)


def run_alone(program: str, **variables: str) -> str:
    """What *program* prints in an interpreter of its own."""
    environment = {**os.environ, "MEMWATCH_BACKEND": "native", **variables}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def count(label: str, deep: bool = True) -> int:
    return exact.count_objects(deep, (), None).get(label, (0, 0))[0]


def kinds_by_address(listing: Listing) -> dict[int, str]:
    return dict(zip(listing.addresses, map(listing.labels.__getitem__, listing.kinds), strict=True))


EXACTLY_THE_SAME = """
import gc, asyncio, ctypes, decimal, json, ssl, typing, unittest.mock
from collections import Counter
from memwatch.backend import _native
from memwatch.backend.census import exact, pure
from memwatch.backend.census.tracked import list_tracked
kept = [{number: str(number), "text": (1.5, [number])} for number in range(1000)]
def constants():
    found = list_tracked()
    waiting, met = [ctypes.cast(address, ctypes.py_object).value for address in found.lone_addresses], set()
    found.clear()
    while waiting:
        fresh = [it for it in gc.get_referents(waiting.pop()) if id(it) not in met and not gc.is_tracked(it)]
        met.update(map(id, fresh))
        waiting += fresh
    return met
def names_of_variables(listing):
    # what code holds and no Python reads
    codes = [it for it, kind in zip(listing.addresses, listing.kinds) if listing.labels[kind] == "code"]
    held = [_native.untracked_referents(ctypes.cast(it, ctypes.py_object).value, object) for it in codes]
    parts = [part for each in held for part in each]
    return {id(it) for part in parts for it in ([part, *part] if type(part) is tuple else [part])}
def kinds(listing):
    return dict(zip(listing.addresses, map(listing.labels.__getitem__, listing.kinds)))
def compare(deep):
    for _ in range(2):
        pure.list_objects(deep, (), None)
        gc.collect()
        seen, expected = exact.list_objects(deep, (), None), pure.list_objects(deep, (), None)
    return kinds(seen), kinds(expected), names_of_variables(seen)
for deep in (True, False):
    seen, expected, names = compare(deep)
    more = Counter(seen[address] for address in seen.keys() - expected.keys() - constants() - names)
    less = Counter(expected[address] for address in expected.keys() - seen.keys())
    same = all(seen[address] == expected[address] for address in seen.keys() & expected.keys())
    more["tuple"] -= gc.get_freeze_count()
    print(same, len(seen) > 10_000, max(more["tuple"], 0) <= 2, sum(more.values()) - more["tuple"], less.total())
    del seen, expected
"""


def test_it_sees_each_object_that_the_pure_backend_sees_and_no_other() -> None:
    """The pure backend leaves out the empty tuple."""
    assert run_alone(EXACTLY_THE_SAME) == "True True True 0 0\n" * 2


def test_counting_and_listing_agree_in_every_type() -> None:
    program = """
import gc
from collections import Counter
from memwatch.backend.census import exact
def look(deep):
    listing, counted = exact.list_objects(deep, (), None), exact.count_objects(deep, (), None)
    rows, sizes = Counter(), Counter()
    for kind, size in zip(listing.kinds, listing.sizes):
        rows[listing.labels[kind]] += 1
        sizes[listing.labels[kind]] += size
    return rows, sizes, counted
for deep in (True, False):
    look(deep)
    gc.collect()
    rows, sizes, counted = look(deep)
    print({label for label in rows if counted[label] != (rows[label], sizes[label])} <= {"int", "dict", "tuple"})
"""
    assert run_alone(program) == "True\nTrue\n"


@pytest.mark.parametrize("deep", [True, False])
def test_frozen_objects_are_all_found(deep: bool) -> None:
    orders = [Order(number) for number in range(1000)]
    gc.freeze()
    try:
        assert count(f"{__name__}.Order", deep) == len(orders)
    finally:
        gc.unfreeze()


def test_own_objects_their_parts_and_what_hangs_on_those_alone_are_left_out() -> None:
    @internal
    class Holder:
        __slots__ = ("items", "shared")

    holder = Holder()
    KEPT.append("shared " * 9 + str(len(KEPT)))
    gc.collect()
    before = count("str")
    # The list is in the collector's ring behind its holder, or before it where it is made first.
    items: list[object] = [f"a text of its own {number}" for number in range(500)]
    items.append(tuple(f"and one level deeper {number}" for number in range(300)))
    items.append(KEPT[0])
    holder.items, holder.shared = items, KEPT[0]
    del items
    gc.collect()
    more = count("str") - before
    after = kinds_by_address(exact.list_objects(True, (), None))
    assert id(holder) not in after and id(holder.items) not in after and id(holder.items[0]) not in after
    assert id(holder.items[-2]) not in after and id(holder.items[-2][0]) not in after
    assert id(KEPT[0]) in after
    assert abs(more) < 200


def test_a_census_during_a_collection_is_refused() -> None:
    refused: list[bool] = []

    class Cycle:
        def __del__(self) -> None:
            for walk in (exact.count_objects, exact.list_objects):
                try:
                    walk(True, (), None)
                except Cancelled:
                    refused.append(True)

    cycle: Any = Cycle()
    cycle.itself = cycle
    del cycle
    gc.collect()
    assert refused == [True, True]


def test_a_census_inside_a_finalizer() -> None:
    counted: list[int] = []

    class Last:
        def __del__(self) -> None:
            counted.append(count("function"))

    Last()
    assert counted[0] > 1000


def test_seventy_thousand_types() -> None:
    program = """
from memwatch.backend.census import exact
kinds = [type(f"Kind{number}", (), {"__slots__": ()}) for number in range(70_000)]
kept = [kind() for kind in kinds]
counted = exact.count_objects(True, (), None)
print(sum(counted[f"__main__.Kind{number}"][0] for number in range(70_000)))
listing = exact.list_objects(True, (), None)
print(max(listing.kinds) > 70_000)
"""
    assert run_alone(program) == "70000\nTrue\n"


def test_an_object_beyond_four_gib() -> None:
    program = """
from memwatch.backend.census import exact
kept = [bytes(5 << 30)]  # untouched memory takes none
listing = exact.list_objects(True, (), None)
print(listing.sizes.typecode, 0 <= max(listing.sizes) - (5 << 30) - 33 < 32)
print(exact.count_objects(True, (), None)["bytes"][1] > 5 << 30)
"""
    assert run_alone(program) == "Q True\nTrue\n"


def test_half_built_objects() -> None:
    def items() -> Iterator[int]:
        seen.append(count("tuple"))
        yield 1
        seen.append(count("list"))

    seen: list[int] = []
    assert (tuple(items()), list(items()), len(seen)) == ((1,), [1], 4)
    assert min(seen) > 10


def test_a_dict_that_is_being_resized_and_one_that_was_emptied() -> None:
    KEPT.append({f"some key {number}": number for number in range(1000)})
    before = count("str")
    for key in list(KEPT[0])[:999]:
        del KEPT[0][key]
    assert before - count("str") >= 990


def test_keys_that_a_dict_of_text_keys_alone_holds_are_seen() -> None:
    KEPT.extend(kind({f"{kind} holds {number}": number}) for kind in (dict, FrozenDict) for number in range(1000, 1020))
    texts = {id(key) for kept in KEPT for key in kept}
    assert texts <= set(exact.list_objects(True, (), None).addresses)


def test_in_a_forked_child() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork")
    program = """
import os
from memwatch.backend.census import exact
before = sum(number for number, _ in exact.count_objects(True, (), None).values())
child = os.fork()
if not child:
    after = sum(number for number, _ in exact.count_objects(True, (), None).values())
    os._exit(0 if abs(after - before) < 2000 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run_alone(program) == "0\n"


@pytest.mark.parametrize("isolated", [False, True])
def test_subinterpreters_each_see_their_own_heap(isolated: bool) -> None:
    program = (
        f"isolated = {isolated}"
        + """
import sys
try: import _interpreters as interpreters
except ImportError: import _xxsubinterpreters as interpreters
code = '''
class Order: pass
kept = [Order() for _ in range(50)]
from memwatch.backend.census import exact
assert exact.count_objects(True, (), None)["__main__.Order"][0] == 50
listing = exact.list_objects(True, (), None)
assert list(listing.kinds).count(listing.labels.index("__main__.Order")) == 50
assert exact.take_identity(True, (), None).totals["__main__.Order"][0] == 50
'''
class Order: pass
kept = [Order() for _ in range(7)]
from memwatch.backend.census import exact
if sys.version_info >= (3, 13): made = interpreters.create("isolated" if isolated else "legacy")
else: made = interpreters.create(isolated=isolated)
failure = interpreters.exec(made, code) if sys.version_info >= (3, 13) else interpreters.run_string(made, code)
assert failure is None, failure
print(exact.count_objects(True, (), None)["__main__.Order"][0])
interpreters.destroy(made)
print(exact.count_objects(True, (), None)["__main__.Order"][0])
"""
    )
    assert run_alone(program) == "7\n7\n"


@pytest.mark.slow
def test_while_threads_allocate_and_free() -> None:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            KEPT.append([{"n": (number, str(number))} for number in range(50)])
            del KEPT[:-20]

    threads = [threading.Thread(target=churn) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert all(count("dict") > 100 and len(exact.list_objects(True, (), None).addresses) for _ in range(20))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_wrong_arguments_are_told_and_harmless() -> None:
    with pytest.raises(TypeError, match="5 arguments are needed, not 1"):
        _native.count(True)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="in a tuple or a list"):
        _native.count(True, (), (), (), 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        _native.count(True, ("x",), (), (), ())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a number is needed for each type"):
        _native.listing(True, (), (), (), (), lambda types: [1], exact.copy_column)
    with pytest.raises(ZeroDivisionError):
        _native.listing(True, (), (), (), (), lambda types: [1 // 0], exact.copy_column)
    assert count("function") > 1000


def test_a_python_that_it_was_not_built_for_is_refused_in_words() -> None:
    program = """
import gc
gc.callbacks = []  # now the collector's own list is not where the check looks for it
import memwatch.backend
print(memwatch.backend.name, "-", memwatch.backend.reason)
"""
    environment = {**os.environ, "MEMWATCH_BACKEND": ""}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == (
        "pure - the C extension does not know this Python: the collector's state is not where it should be\n"
    )


def test_the_pure_backend_is_still_there_for_the_asking() -> None:
    assert pure.count_objects(False, (), None)["function"][0] == count("function", deep=False)
