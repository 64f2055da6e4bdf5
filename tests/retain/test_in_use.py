"""Code that would keep a container short, and whether anybody has run it."""

from __future__ import annotations

import sys
import threading
from array import array
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

from memwatch.backend import FREE_THREADED
from memwatch.retain import find_holdings
from memwatch.retain.bounds import bound_of
from memwatch.retain.functions import has_run
from memwatch.retain.living import _names_ahead

Known = Callable[[], "array[int]"]
ITEMS = 20


class Trimmed:
    """Is kept short by a method that somebody has to call."""

    def __init__(self) -> None:
        self.rows: dict[int, Any] = {}

    def put(self, number: int) -> None:
        self.rows[number] = [number]

    def trim(self) -> None:
        while len(self.rows) > 5000:
            self.rows.popitem()


def call_later(seconds: threading.Event, trimmed: Trimmed) -> None:
    seconds.wait()
    trimmed.trim()


@pytest.mark.parametrize("how", ["never", "often", "later"])
def test_code_that_has_not_been_run_is_not_in_use(app: Any, known: Known, how: str) -> None:
    trim, over = fresh(Trimmed), threading.Event()
    app.trimmed = trim()
    waiting = threading.Thread(target=call_later, args=(over, app.trimmed))
    if how == "later":
        waiting.start()
    before = known()
    for number in range(ITEMS):
        app.trimmed.put(number)
        if how == "often":
            app.trimmed.trim()
    try:
        found = find_holdings(before)[0]
    finally:
        over.set()
    assert (found.bound, found.in_use) == (5000, how != "never")


class Forgotten:
    """Has a method that would keep it short, and that nothing names."""

    def __init__(self) -> None:
        self.rows = dict.fromkeys(range(ITEMS))

    def shorten(self) -> None:
        """Refers to a variable around it: its class."""
        while __class__ is Forgotten and len(self.rows) > 5000:  # type: ignore[name-defined]
            self.rows.popitem()

    def shorten_always(self) -> None:
        while True:
            self.shorten()


@pytest.mark.skipif(FREE_THREADED, reason="free-threaded builds do not show what has been run")
def test_code_that_nothing_names_bounds_nothing_unless_somebody_has_the_function() -> None:
    kept = Forgotten()
    chain = [kept, kept.rows]
    assert bound_of(chain, kept.rows) == (5000, ITEMS) and bound_of(chain, kept.rows, codes="living") is None
    registered = [vars(Forgotten)["".join(("short", "en"))]]
    assert bound_of(chain, kept.rows, codes="living") == (5000, ITEMS)
    del registered


class Guarded:
    """Compares its length only where it is told to."""

    def __init__(self, on: bool) -> None:
        self.rows, self.on = list[int](), on
        for number in range(ITEMS):
            self.put(number)

    def put(self, number: int) -> None:
        self.rows.append(number)
        if self.on and len(self.rows) > 5000:
            self.rows.pop()


@pytest.mark.skipif(
    FREE_THREADED or sys.version_info < (3, 12),
    reason="3.11 and free-threaded builds do not show which lines have been run",
)
@pytest.mark.parametrize("on", [False, True])
def test_a_comparison_that_has_not_been_run_is_not_in_use(on: bool) -> None:
    guarded = fresh(Guarded)(on)
    chain = [guarded, guarded.rows]
    assert bound_of(chain, guarded.rows) == (5000, ITEMS)
    assert bound_of(chain, guarded.rows, codes="used") == ((5000, ITEMS) if on else None)


@pytest.mark.parametrize(
    ("body", "is_ahead"),
    [
        ("trim\nlook()", False),
        ("look()\ntrim", True),
        ("while not seen:\n    trim\n    look()", True),
        ("look() if not seen else trim", False),
        ("try:\n    look(); look() / 0\nexcept TypeError:\n    trim", True),
    ],
)
def test_what_a_module_may_still_run_is_behind_its_place_or_in_the_loop_around_it(body: str, is_ahead: bool) -> None:
    seen = list[Any]()
    names: dict[str, Any] = {"seen": seen, "trim": None}
    names["look"] = lambda: seen.append(_names_ahead(sys._getframe(1)))
    exec(compile(body, "app.py", "exec"), names)
    assert ("trim" in seen[0]) is is_ahead


def fresh(cls: type) -> type:
    """The class again, with code that has never been run."""
    methods = {name: FunctionType(it.__code__.replace(), globals()) for name, it in vars(cls).items() if callable(it)}
    return type(cls.__name__, (), {**methods, "__module__": cls.__module__})


def drop(rows: dict[int, Any], key: int) -> None:
    del rows[key]


def test_code_in_which_nothing_is_noted_may_have_been_run() -> None:
    drop({1: None}, 1)  # from 3.15 on there is a note, as in all code
    assert has_run(drop.__code__) and not has_run(fresh(Trimmed).trim.__code__)  # type: ignore[attr-defined]
