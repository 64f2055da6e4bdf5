"""Who holds what grew: the holders that are to blame, the fixture that leads there, and the types without an excuse."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from types import CodeType, FrameType, ModuleType
from typing import Any

from ..backend.census.referents import referents_of
from ..backend.type_labels import type_label
from ..heap import Snapshot, diff_snapshots, take_snapshot
from ..retain import Holding, find_holdings, with_fewer_items
from .excused import is_excused
from .growth import IN_PLACE
from .result import GrowthRow

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


_HALF = 0.5  # of what came may lie where something else died, and is then taken for that


def blame(
    rows: Sequence[GrowthRow], calls: int, before: Snapshot, ignored: Sequence[object]
) -> tuple[tuple[GrowthRow, ...], tuple[Holding, ...]]:
    """Those of *rows* that grew without excuse in the last round, and who holds what came in it, most bytes first.

    The type that the first holder holds comes first. The last round had so many *calls* and began at *before*; what
    only *ignored* objects hold is excused.
    """
    after = take_snapshot(since=before)  # before anything is made here that it would count
    grown = _grown_in_place(rows, calls, before, after, ignored)
    known = array("Q", [address for address in before.addresses if address not in grown])
    found = find_holdings(known, ignore=ignored)
    guilty = [holding for holding in found if not is_excused(holding)]
    unseen = {type_label(type(obj)) for obj in ignored}
    unseen.update(label for holding in found for label in holding.type_counts)
    alone = set(grown.values()) - unseen
    left = tuple(row for row in rows if _holders(row, calls, guilty) or row.what in alone)
    blamed = tuple(held for held in guilty if any(_holders(row, calls, [held]) for row in left))
    first = blamed[0].frontier_type if blamed else None
    return tuple(sorted(left, key=lambda row: row.what != first)), blamed


def _holders(row: GrowthRow, calls: int, holdings: Iterable[Holding]) -> list[Holding]:
    """Those of *holdings* under which as much came as makes *row* a leak."""
    if row.in_place:
        least = _HALF * IN_PLACE * calls
        return [held for held in holdings if row.what in held.type_counts and held.retained_bytes >= least]
    return [held for held in holdings if held.type_counts.get(row.what, 0) >= _HALF * calls]


def _grown_in_place(
    rows: Sequence[GrowthRow], calls: int, before: Snapshot, after: Snapshot, ignored: Sequence[object]
) -> dict[int, str]:
    """The addresses of what has grown since *before*, of the types that grew so in every round, with their labels.

    What is replaced when it grows, as a text is, may come to lie where something else died: that counts as well. A
    container with fewer items than there were calls has room left of what it held for a while, as the set of an event
    loop's tasks has: that depends on the addresses of what came and went, and is no leak.
    """
    labels = {row.what for row in rows if row.in_place}
    spared = {*map(id, ignored), id(ignored), id(rows)}
    found = {it.address: it.what for it in diff_snapshots(before, after).grown if it.what in labels}
    for label in labels:
        found.update(dict.fromkeys(before.identity.came(after.identity, {label}), label))
    spared.update(with_fewer_items(found, calls))
    return {address: label for address, label in found.items() if address not in spared}
