"""What something new leads to on a short way is held where it always was, if it was."""

from __future__ import annotations

import types
from array import array
from collections.abc import Callable
from typing import Any

from memwatch.retain import find_holdings

Known = Callable[[], "array[int]"]


class Order:
    """What leaks."""

    def __init__(self) -> None:
        self.rows = [object()]


class Session:
    """Old, and holds what is new."""

    def __init__(self) -> None:
        self.log: list[Any] = []


def test_what_something_new_leads_to_on_a_shorter_way_is_held_where_it_always_was(app: Any, known: Known) -> None:
    kept: list[Any] = []
    app.queue = types.SimpleNamespace(inner=types.SimpleNamespace(inner=Session()))
    app.queue.inner.inner.log = kept
    app.timers = [None]
    before = known()
    app.timers[0] = types.SimpleNamespace(to=kept)
    kept.extend(Order() for _ in range(20))
    found = find_holdings(before)[0]
    assert found.path.lines[-2:] == (".log: list, 20 items", "[index]") and found.frontier_type == f"{__name__}.Order"


def test_what_something_new_alone_leads_to_is_held_by_it(app: Any, known: Known) -> None:
    app.timers, kept = [None], [Order()]
    before = known()
    app.timers[0] = types.SimpleNamespace(to=kept)
    kept.extend(Order() for _ in range(20))
    del kept
    found = find_holdings(before)[0]
    assert found.path.lines[:2] == ("module app", ".timers: list, 1 item")
    assert found.frontier_type != f"{__name__}.Order" and found.type_counts[f"{__name__}.Order"] == 20
