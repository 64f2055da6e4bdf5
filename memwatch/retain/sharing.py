"""Who else holds what a holder got? A walk counts each object once, by its shortest path, but two may hold it.

All ways to the latest object of a holder are searched. Another container on such a way is a holder too if nearly half
as many new objects of that type lie in it. Each is then reported with an equal part of the bytes, since to mend one
alone frees nothing (BLeak calls that LeakShare).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..backend.quiet import quiet
from ..backend.type_labels import type_label
from .bounds import bound_of, is_weak, seconds_kept
from .edges import holder_of, path_along
from .found import NEW_WANTED, HoldingSite, Query
from .object_labels import length
from .ownership import is_known
from .path import Holding, RetainingPath
from .references import contents
from .search import Search
from .steps import ATTRIBUTES, RootKind

TRIED = 16
"""Ways to an object that are looked at."""

_TOLD = 4  # with a part of their own, or no part would be worth telling
_PART = 0.4  # of the objects of the first holder
_LEAST = 10
_MOST_LOOKED_AT = 100_000
_BETWEEN = 8  # objects from what holds many to each of them
_SAMPLE = 20  # of those, that are followed


def share_among(
    holding: Holding, known: array[int], should_cancel: Callable[[], bool] | None = None, show_keys: bool = False
) -> tuple[Holding, ...]:
    """*holding* and what else holds its objects, each with its part, and with the paths of the others; *known* are the
    addresses of old objects, sorted. *show_keys* shows every dict key on a path.

    Raises `Cancelled`. *holding* alone where nothing else does.
    """
    if not _may_be_shared(holding):
        return (holding,)
    wanted = array("Q", [holding.inner_address or holding.target_address])
    query = Query(NEW_WANTED, wanted, branches=TRIED, should_cancel=should_cancel, ignore=[known])
    with quiet, Search(query) as places:
        return share_over(places, holding, lambda obj: is_known(id(obj), known), show_keys)


def _may_be_shared(holding: Holding) -> bool:
    return holding.targets >= _LEAST and holding.target_address not in (0, holding.holder_address)


def share_over(
    places: Sequence[HoldingSite], holding: Holding, is_old: Callable[[Any], bool], show_keys: bool = False
) -> tuple[Holding, ...]:
    """The same by *places*, other ways to the latest object of *holding*; *is_old* tells which objects were there."""
    others = list(_others(places, holding, is_old, show_keys)) if _may_be_shared(holding) else []
    if not others:
        return (holding,)
    every = [holding, *others]
    reported = list({_whose(it.path): it for it in reversed(every)}.values())[::-1][:_TOLD]
    return tuple(
        _part(it, holding, len(reported), _each_kind(other.path for other in every if other is not it))
        for it in reported
    )


def _likeness(path: RetainingPath) -> tuple[object, ...]:
    """What paths to holders alike have in common, such as to the queues in one list."""
    return path.root, path.normalized


def _whose(path: RetainingPath) -> tuple[object, ...]:
    """The same, but for the containers of one object: a list of its jobs and an index of them are told together."""
    steps = path.normalized
    named = max((number for number, step in enumerate(steps) if step.edge.kind in ATTRIBUTES), default=0)
    is_instance = named > 0 and "type" not in path.steps[named - 1].kinds
    return (path.root, steps[:named]) if is_instance else _likeness(path)


def _each_kind(paths: Iterable[RetainingPath]) -> list[RetainingPath]:
    """Of *paths* alike the first alone."""
    return list({_likeness(path): path for path in reversed(list(paths))}.values())[::-1]


def _others(
    places: Sequence[HoldingSite], first: Holding, is_old: Callable[[Any], bool], show_keys: bool
) -> Iterator[Holding]:
    reported = {first.holder_address}
    for place in places:
        chain = place.chain
        if len(chain) < 2 or not _is_of(chain[-1], first):
            continue
        if not reported.isdisjoint(map(id, chain)):
            continue  # it hangs under one that was reported, and goes with it
        number, count = _fan(chain, first, is_old)
        if count == 0 or (place.root.kind is RootKind.FUNCTION and not is_old(chain[number])):
            continue  # a copy that a function has made for itself goes with its call
        reported.add(id(chain[number]))
        way = chain[: number + 2]
        holder = holder_of(way)
        bound = bound_of(way, holder)
        yield replace(
            first,
            path=path_along(way, place.root, False, show_keys),
            targets=min(count, first.targets),
            holder_type=type_label(type(holder)),
            holder_items=length(holder),
            holder_address=id(holder),
            bound=bound.limit if bound else None,
            used=bound.used if bound else None,
            bounded_bytes=first.retained_bytes if bound and bound.used <= bound.limit else 0,
            weak=is_weak(way, holder),
            seconds_kept=None if bound else seconds_kept(way, holder),
        )


def _is_of(last: Any, first: Holding) -> bool:
    """Whether *last* is one of those that *first* holds, or of what each of these is put around."""
    label = type_label(type(last))
    return label == first.frontier_type or first.type_counts.get(label, 0) >= _PART * first.targets


def _fan(chain: Sequence[Any], first: Holding, is_old: Callable[[Any], bool]) -> tuple[int, int]:
    """The nearest place in *chain* from which as many new objects lead to those that *first* holds, and their number;
    no objects if there is none. What lies there may hold them directly or through something between, as a bound method
    does."""
    for number in range(len(chain) - 2, max(-1, len(chain) - 2 - _BETWEEN), -1):
        kinds = [type(obj) for obj in chain[number + 1 :]]
        count = _new_in(chain[number], kinds, is_old, int(_PART * first.targets))
        if count >= _PART * first.targets:
            return number, count
    return 0, 0


def _new_in(holder: Any, kinds: Sequence[type], is_old: Callable[[Any], bool], least: int) -> int:
    """How many new objects of the first of *kinds* lie in *holder*, some of which lead to a new one of the last over
    the others; 0 if fewer than *least*, or if it has no length."""
    items = length(holder)
    if items is None or not least <= items <= _MOST_LOOKED_AT:
        return 0
    found = {id(item): item for item in contents(holder) if type(item) is kinds[0] and not is_old(item)}
    sample = list(found.values())[:: max(1, len(found) // _SAMPLE)]
    leading = sum(_leads_on(item, kinds[1:], is_old) for item in sample)
    return len(found) if leading >= _PART * len(sample) else 0


def _leads_on(item: Any, kinds: Sequence[type], is_old: Callable[[Any], bool]) -> bool:
    """Whether a new object of the last of *kinds* can be reached from *item*, over objects of the others."""
    here = [item]
    for kind in kinds:
        here = [held for obj in here for held in contents(obj) if type(held) is kind][:_SAMPLE]
    return not all(map(is_old, here))


def _part(holding: Holding, whole: Holding, parts: int, others: list[RetainingPath]) -> Holding:
    bounded = holding.bounded_bytes * whole.retained_bytes // max(holding.retained_bytes, 1)
    return replace(
        holding,
        retained_bytes=whole.retained_bytes // parts,
        retained_items=whole.retained_items // parts,
        bounded_bytes=bounded // parts,
        others=tuple(others),
    )
