"""Of all that comes in equal number the class is named that owns the rest, whatever its parts are."""

from __future__ import annotations

import asyncio
import collections
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future

from memwatch.diagnosis.causes import name_type
from memwatch.heap import take_snapshot
from memwatch.retain import find_holdings

MANY = 30


class Engine:
    """A part that has a lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class Car:
    """Has a part of the program's, a dict and a list."""

    def __init__(self) -> None:
        self.engine, self.tags, self.names = Engine(), {"a": [1]}, [object()]


class Garage:
    """Three levels of parts, one of the standard library's."""

    def __init__(self) -> None:
        self.car, self.free = Car(), threading.Condition()


class Child:
    """Knows its parent."""

    def __init__(self, parent: object) -> None:
        self.parent = parent


class Parent:
    """Each leads to the other."""

    def __init__(self) -> None:
        self.child, self.rows = Child(self), collections.deque([[1]])


class Listener:
    """Three of its methods are kept."""

    def __init__(self) -> None:
        METHODS.extend((self.on_open, self.on_close))

    def on_open(self) -> None: ...

    def on_close(self) -> None: ...

    def on_error(self) -> None: ...


def result(value: object) -> Future[object]:
    """A future that has it."""
    future: Future[object] = Future()
    future.set_result(value)
    return future


LOOP = asyncio.new_event_loop()
LOOP.close()
GARAGES: list[object] = []
CARS: list[object] = []
PARENTS: list[object] = []
WRAPPED: list[object] = []
RESULTS: list[object] = []
FUTURES: list[object] = []
HANDLES: list[object] = []
PARTIALS: list[object] = []
EVENTS: list[object] = []
DICTS: list[object] = []
METHODS: list[object] = []
HERE = f"{__name__}."
KINDS: list[tuple[list[object], Callable[[], object], str]] = [
    (GARAGES, Garage, HERE + "Garage"),
    (CARS, Car, HERE + "Car"),
    (PARENTS, Parent, HERE + "Parent"),
    (WRAPPED, lambda: {"number": 1, "engine": (Engine(),)}, HERE + "Engine"),
    (RESULTS, lambda: result(Child(None)), HERE + "Child"),
    (FUTURES, lambda: result({"rows": [object()]}), "concurrent.futures._base.Future"),
    (HANDLES, lambda: asyncio.Handle(print, (), LOOP), "asyncio.events.Handle"),
    (PARTIALS, lambda: functools.partial(print, [1]), "functools.partial"),
    (EVENTS, threading.Event, "threading.Event"),
    (METHODS, lambda: Listener().on_error, HERE + "Listener"),
    (DICTS, lambda: {"rows": [[1], {"a": [2]}]}, "dict"),
]


def make_each() -> None:
    """Thirty more of each kind."""
    for kept, make, _ in KINDS:
        kept.extend([make() for _ in range(MANY)])


def test_the_owner_of_what_came_in_equal_number_is_named() -> None:
    make_each()
    known = take_snapshot().addresses
    try:
        make_each()
        named = {it.holder_address: name_type(it) for it in find_holdings(known)}
    finally:
        for kept, _, _ in KINDS:
            kept.clear()
    assert [named.get(id(kept)) for kept, _, _ in KINDS] == [kind for _, _, kind in KINDS]
