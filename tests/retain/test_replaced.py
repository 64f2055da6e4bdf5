"""A container that the program replaced by a longer copy while a search named who holds what lies in it."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from memwatch.retain.search import IN_C

if not IN_C:
    pytest.skip("the search in C alone gives addresses", allow_module_level=True)

from memwatch.retain import native


class Core:
    """Has several of one type."""

    def __init__(self, held: object) -> None:
        self.levels: dict[str, Any] = {"INFO": 20}
        self.handlers = {1: held}


def test_the_copy_with_the_same_item_stands_for_what_is_gone() -> None:
    held = object()
    core = Core(held)
    addresses, kinds = array("Q", [id(core), 16]), array("Q", [id(Core), id(dict)])
    chain = native._follow(core, id(held), addresses, kinds)
    assert chain is not None and len(chain) == 2 and chain[1] is core.handlers
    del core.handlers[1]
    assert native._follow(core, id(held), addresses, kinds) is None


def test_of_what_may_stand_for_the_end_that_is_gone_the_largest_is_taken() -> None:
    core = Core(object())
    core.handlers.update((number, object()) for number in range(2, 9))
    addresses, kinds = array("Q", [id(core), 16]), array("Q", [id(Core), id(dict)])
    chain = native._follow_now(core, addresses, kinds)
    assert chain is not None and chain[1] is core.handlers
    core.levels.update((str(number), number) for number in range(20))
    chain = native._follow_now(core, addresses, kinds)
    assert chain is not None and chain[1] is core.levels
