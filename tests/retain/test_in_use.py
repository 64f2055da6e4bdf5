"""Code that would keep a container short, and whether anybody has run it."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

from memwatch.retain import find_holdings
from memwatch.retain.functions import has_run

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


def fresh(cls: type) -> type:
    """The class again, with code that has never been run."""
    methods = {name: FunctionType(it.__code__.replace(), globals()) for name, it in vars(cls).items() if callable(it)}
    return type(cls.__name__, (), {**methods, "__module__": cls.__module__})


def drop(rows: dict[int, Any], key: int) -> None:
    del rows[key]


def test_code_in_which_nothing_is_noted_may_have_been_run() -> None:
    drop({1: None}, 1)  # from 3.15 on there is a note, as in all code
    assert has_run(drop.__code__) and not has_run(fresh(Trimmed).trim.__code__)  # type: ignore[attr-defined]
