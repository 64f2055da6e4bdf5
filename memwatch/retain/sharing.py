"""Who else holds what a holder got: the walk tells each object once, by its shortest path, and two may hold the same.

Of the objects that one holder has, the latest is looked for on all ways. Another container on such a way holds the same
if at least half as many new objects of that type lie in it. Then each is told with an equal part of the bytes, since to
mend one alone frees nothing (BLeak calls that LeakShare).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..backend.quiet import quiet
from ..backend.type_labels import type_label
from .bounds import bound_of, is_weak
from .edges import holder_of
from .found import NEW_WANTED, Place
from .object_labels import length
from .path import Holding
from .references import contents
from .search import Search

_TRIED = 16
_PART = 0.5  # of the objects of the first holder
_LEAST = 10
_MOST_LOOKED_AT = 100_000


def share_among(
    holding: Holding, known: array[int], give_up: Callable[[], bool] | None = None, show_keys: bool = False
) -> tuple[Holding, ...]:
    """*holding* and what else holds its objects, each with its part; *known* are the addresses of old objects, sorted.
    *show_keys* shows every dict key on a path.

    Raises `GaveUp`. *holding* alone where nothing else does.
    """
    if holding.targets < _LEAST or holding.target_address in (0, holding.holder_address):
        return (holding,)
    wanted = array("Q", [holding.target_address])
    with quiet, Search(NEW_WANTED, wanted, 1, branches=_TRIED, give_up=give_up, ignore=[known]) as places:
        others = list(_others(places, holding, known, show_keys))
    parts = 1 + len(others)
    shared = [holding, *others] if others else []
    return tuple(_part(it, holding, parts) for it in shared) or (holding,)


def _others(places: Sequence[Place], first: Holding, known: array[int], show_keys: bool) -> Iterator[Holding]:
    told, tried = {first.holder_address}, set()
    for place in places:
        chain = place.chain
        holder = holder_of(chain)
        if len(chain) < 2 or id(holder) in tried or type_label(type(chain[-1])) != first.frontier_type:
            continue
        if not told.isdisjoint(map(id, chain)):
            continue  # it hangs under one that was told, and goes with it
        tried.add(id(holder))
        count = _new_in(holder, type(chain[-1]), known)
        if count < _PART * first.targets:
            continue
        told.add(id(holder))
        bound = bound_of(chain, holder)
        yield replace(
            first,
            path=place.path(show_keys=show_keys),
            targets=min(count, first.targets),
            holder_type=type_label(type(holder)),
            holder_items=length(holder),
            holder_address=id(holder),
            bound=bound.limit if bound else None,
            used=bound.used if bound else None,
            bounded_bytes=first.retained_bytes if bound and bound.used <= bound.limit else 0,
            weak=is_weak(chain, holder),
        )


def _new_in(holder: Any, kind: type, known: array[int]) -> int:
    """How many new objects of a type *holder* refers to itself; 0 for what is no container with a length."""
    items = length(holder)
    if items is None or items > _MOST_LOOKED_AT:
        return 0
    addresses = {id(item) for item in contents(holder) if type(item) is kind}
    return sum(not _is_known(address, known) for address in addresses)


def _is_known(address: int, known: array[int]) -> bool:
    place = bisect_left(known, address)
    return place < len(known) and known[place] == address


def _part(holding: Holding, whole: Holding, parts: int) -> Holding:
    bounded = holding.bounded_bytes * whole.retained_bytes // max(holding.retained_bytes, 1)
    return replace(
        holding,
        retained_bytes=whole.retained_bytes // parts,
        retained_items=whole.retained_items // parts,
        bounded_bytes=bounded // parts,
    )
