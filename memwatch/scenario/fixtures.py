"""Which fixture keeps what a test leaves behind: the one that leads to the holder on the shortest way."""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType, FrameType, ModuleType
from typing import Any

from ..backend.census.referents import referents_of
from ..retain import Holding

_MOST = 20_000  # objects that are looked at for each fixture
_NOT_ENTERED = (ModuleType, type, CodeType, FrameType)


def keepers(fixtures: Mapping[str, object], holdings: tuple[Holding, ...]) -> tuple[str, ...]:
    """For each of *holdings* the name of the fixture that leads to its holder, empty where none does.

    Modules and classes are not entered: what they lead to is not the fixture's own.
    """
    wanted = {address for held in holdings for address in (held.holder_address, held.target_address)}
    found: dict[int, tuple[int, str]] = {}
    for name, value in fixtures.items():
        for address, steps in _reached(value, wanted).items():
            found[address] = min(found.get(address, (steps, name)), (steps, name))
    return tuple(_keeper(found, held) for held in holdings)


def _keeper(found: Mapping[int, tuple[int, str]], held: Holding) -> str:
    return next((found[it][1] for it in (held.holder_address, held.target_address) if it in found), "")


def _reached(value: object, wanted: set[int]) -> dict[int, int]:
    """Those of the *wanted* addresses that *value* leads to, and in how many steps."""
    seen, level, steps, found = {id(value)}, [value], 0, dict[int, int]()
    while level and len(seen) < _MOST:
        found.update((id(obj), steps) for obj in level if id(obj) in wanted and id(obj) not in found)
        following: list[Any] = []
        for obj in referents_of([obj for obj in level if not issubclass(type(obj), _NOT_ENTERED)]):
            if id(obj) not in seen:
                seen.add(id(obj))
                following.append(obj)
        level, steps = following, steps + 1
    return found
