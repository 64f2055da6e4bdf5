"""A census at the moments that nobody chooses: in the middle of a collection, of an object's making or its end."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import memwatch
from memwatch.backend.census.chosen import count_objects, list_objects

RunAlone = Callable[..., str]

native = pytest.mark.skipif(memwatch.backend.name != "native", reason="the C extension is not in use")

COUNTED: list[int] = []
KEPT: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    COUNTED.clear()
    yield
    COUNTED.clear()
    KEPT.clear()


def take() -> int:
    """Note how many functions and listed objects there are; there are always some."""
    functions = count_objects(True, (), None)["function"][0]
    COUNTED.append(min(functions, len(list_objects(False, (), None).addresses)))
    return len(COUNTED)


class Last:
    """Takes a census when it goes."""

    def __del__(self) -> None:
        take()


class Comparable:
    def __init__(self, number: int) -> None:
        self.number = number

    def __lt__(self, other: Comparable) -> bool:
        take()
        return self.number < other.number

    def __eq__(self, other: object) -> bool:
        take()
        return False

    def __hash__(self) -> int:
        take()
        return 5


def items(number: int = 3 if memwatch.backend.name == "native" else 2) -> Iterator[Any]:
    for item in range(number):
        take()
        yield item


MAKERS: dict[str, Callable[[], object]] = {
    "tuple": lambda: tuple(items()),
    "list": lambda: list(items()),
    "list comprehension": lambda: [item + 1 for item in items()],
    "list extended": lambda: [1, 2].extend(items()),
    "list sorted": lambda: [Comparable(3), Comparable(2), Comparable(1)].sort(),
    "set": lambda: set(items()),
    "set of comparables": lambda: {Comparable(1), Comparable(2)},
    "frozenset": lambda: frozenset(items()),
    "dict": lambda: dict(zip(items(), items(), strict=False)),
    "dict of comparables": lambda: {Comparable(1): 1, Comparable(2): 2},
    "dict updated": lambda: {}.update((item, item) for item in items()),
    "text joined": lambda: ",".join(str(item) for item in items()),
    "bytes": lambda: bytes(items()),
    "bytearray": lambda: bytearray(items()),
    "slice replaced": lambda: list(range(5)).__setitem__(slice(1, 3), items()),
    "arguments": lambda: (lambda *many: many)(*items()),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_while_an_object_is_being_made(kind: str) -> None:
    MAKERS[kind]()
    assert len(COUNTED) >= 2
    assert min(COUNTED) > 1000


def let_go(_: object) -> None:
    """Its only argument."""


def dict_with(key: Any) -> dict[Any, Any]:
    return {"a": 1, "b": key}


ENDERS: dict[str, Callable[[], object]] = {
    "list": lambda: let_go([1, Last(), 2]),
    "list cleared": lambda: [Last(), Last()].clear(),
    "list cut": lambda: [1, Last(), 2].__delitem__(slice(0, 2)),
    "tuple": lambda: let_go((1, Last(), 2)),
    "dict": lambda: let_go({"a": Last(), 5: Last()}),
    "dict cleared": lambda: dict_with(Last()).clear(),
    "dict replaced": lambda: dict_with(Last()).update(b=1),
    "set cleared": lambda: {Last(), Last()}.clear(),
    "instance": lambda: setattr(Comparable(1), "last", Last()),
    "generator": lambda: let_go(item for item in [Last()]),
    "deep": lambda: let_go([[[[[[[[[[[[Last()]]]]]]]]]]]]),
}


@pytest.mark.parametrize("kind", ENDERS)
def test_while_an_object_goes(kind: str) -> None:
    ENDERS[kind]()
    assert COUNTED
    assert min(COUNTED) > 1000


def test_while_a_deep_chain_goes() -> None:
    chain: Any = Last()
    for number in range(50_000):  # deeper than objects are freed one inside the other
        chain = [chain, Last()] if number % 5_000 == 0 else (chain,)
    del chain
    assert len(COUNTED) == 11
    assert min(COUNTED) > 1000


def test_weakref_callbacks_and_finalizers() -> None:
    class Order:
        pass

    kept = [Order(), Order()]
    reference = weakref.ref(kept[0], lambda _: take())
    weakref.finalize(kept[1], take)
    kept.clear()
    assert reference() is None
    assert len(COUNTED) == 2
    assert min(COUNTED) > 1000


REFUSED = """
import gc, weakref
from memwatch.backend.census import exact
from memwatch.backend.census.contract import Cancelled
gc.disable()
told = []
def take(*about):
    for walk in (exact.count_objects, exact.list_objects, exact.take_identity):
        try: walk(True, (), None)
        except Cancelled as cancelled: told.append((*about, str(cancelled)))
        else: told.append((*about, "walked"))
class Cycle:
    def __init__(self): self.itself = self
"""


@native
@pytest.mark.parametrize("generation", [0, 1, 2])
def test_it_is_refused_in_a_callback_of_the_collector(generation: int, run_alone: RunAlone) -> None:
    program = f"""
gc.callbacks.append(lambda phase, info: take(phase, info["generation"]))
gc.collect({generation})
gc.callbacks.clear()
take("after")
refused = [it[:2] for it in told if "at work" in it[-1]]
print([refused.count((phase, {generation})) for phase in ("start", "stop")])
print([it for it in told if it[0] == "after"] == [("after", "walked")] * 3)
"""
    assert run_alone(REFUSED + program) == "[3, 3]\nTrue\n"


@native
def test_it_is_refused_in_what_the_collector_calls(run_alone: RunAlone) -> None:
    program = """
class Finalized(Cycle):
    def __del__(self): take("finalizer")
kept = Cycle()
reference = weakref.ref(kept, lambda _: take("callback"))
del kept
Finalized()
gc.collect()
print(sorted({(about, "at work" in text) for about, text in told}), len(told))
"""
    assert run_alone(REFUSED + program) == "[('callback', True), ('finalizer', True)] 6\n"


@pytest.mark.parametrize("freeze", [False, True])
def test_with_the_collector_switched_off_or_its_objects_frozen(freeze: bool) -> None:
    class Order:
        pass

    label = f"{__name__}.{Order.__qualname__}"
    gc.disable()
    try:
        KEPT.extend(Order() for _ in range(100))
        if freeze:
            gc.freeze()
        KEPT.extend(Order() for _ in range(100))
        for deep in (True, False) if memwatch.backend.name == "native" or not freeze else (True,):
            assert count_objects(deep, (), None)[label][0] == 200
        assert not gc.isenabled()
    finally:
        gc.unfreeze()
        gc.enable()


@native
def test_a_dict_that_becomes_tracked_is_the_same_object() -> None:
    from memwatch.backend.census.exact import take_identity

    many: list[dict[str, Any]] = [{"number": number} for number in range(1000)]
    gc.collect()  # these are not tracked: what they hold cannot be in a cycle
    before = take_identity(True, (), None)
    for one in many:
        one["rows"] = many
    assert all(map(gc.is_tracked, many))
    after = take_identity(True, (), None)
    counted = count_objects(True, (), None)["dict"][0]
    assert all(it.contains(id(one), "dict") for one in many for it in (before, after))
    assert abs(before.totals["dict"][0] - after.totals["dict"][0]) < 20
    assert abs(counted - after.totals["dict"][0]) < 20


CHAIN = """
import threading
from memwatch.backend.census.chosen import count_objects, list_objects
{chain}
def take():
    counted.append(count_objects(True, (), None)[{label!r}][0])
    counted.append(len(list_objects(True, (), None).addresses))
counted = []
threading.stack_size(256 << 10)
thread = threading.Thread(target=take)
thread.start()
thread.join()
print([number > {many} for number in counted])
"""


@pytest.mark.parametrize("kind", ["(chain,)", "[chain]"])
def test_a_deep_chain_in_a_thread_with_a_small_stack(kind: str, run_alone: RunAlone) -> None:
    many = 2_000_000 if memwatch.backend.name == "native" else 100_000
    chain = f"chain = ()\nfor _ in range({many}): chain = {kind}"
    assert run_alone(CHAIN.format(chain=chain, label="tuple" if "," in kind else "list", many=many)) == "[True, True]\n"


UNTRACKED = """
import gc
chain = ()
for _ in range({many}):
    chain = (chain,)
    gc.collect(0)  # stops tracking a tuple that holds nothing tracked
assert not gc.is_tracked(chain) and not gc.is_tracked(chain[0])
"""


@pytest.mark.parametrize("many", [100_000, pytest.param(2_000_000, marks=pytest.mark.slow)])
def test_a_deep_chain_that_the_collector_does_not_track(many: int, run_alone: RunAlone) -> None:
    chain = UNTRACKED.format(many=many)
    assert run_alone(CHAIN.format(chain=chain, label="tuple", many=many)) == "[True, True]\n"


def test_many_new_types_one_inside_the_other(run_alone: RunAlone) -> None:
    """Each is met through an object of the one before, whose metaclass is new as well."""
    chain = """
def make(number, held):
    meta = type("Meta", (type,), {})
    return meta("Kind", (), {"__slots__": ("held", "more"), "held_by_class": held})()
chain = None
for number in range(3000): chain = (make(number, chain), number + 0.5)
"""
    assert run_alone(CHAIN.format(chain=chain, label="__main__.Kind", many=2999)) == "[True, True]\n"
