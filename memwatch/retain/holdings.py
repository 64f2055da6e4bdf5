"""Who holds what is new: one walk for all new objects, and one for a single object."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

from ..backend.contract import GaveUp
from ..backend.guard import own, quiet
from ..backend.kinds import type_label
from ..units import printable
from .attributes import instance_value
from .backward import find_path_backwards
from .edges import ITEM, KEY, holder_of, is_large, steps_of
from .labels import describe, length
from .path import Holding, RetainingPath, make_path
from .references import LruCacheWrapper, contents
from .roots import HELD_BY_NOTHING, HELD_IN_C, walk_all
from .walk import KNOWN, Group, Walk

_MOST_NAMED = 48
_COLLECTION = 16
_BOUNDS = ("maxsize", "_maxsize", "maxlen", "max_size", "capacity", "_Cache__maxsize")


@own
class _Sum:
    """Groups that are told as one: their counts, and the member to show."""

    __slots__ = ("group", "items", "size", "targets", "types")

    def __init__(self, groups: Iterable[Group]) -> None:
        members = list(groups)
        self.group = max(members, key=lambda group: group.size)
        self.targets = sum(group.targets for group in members)
        self.items = sum(group.items for group in members)
        self.size = sum(group.size for group in members)
        self.types: Counter[int] = Counter()
        for group in members:
            self.types.update(group.types)


def find_holdings(
    known: Iterable[int],
    *,
    grown: Container[int] | None = None,
    size_of: Callable[[Any], int] | None = None,
    give_up: Callable[[], bool] | None = None,
    max_objects: int | None = None,
    ignore: Sequence[Any] = (),
) -> tuple[Holding, ...]:
    """Find from the roots who holds the objects whose address is not in *known*; the most retained bytes come first.

    Where *known* are tracked objects alone, *grown* has the addresses of those that grew in place: what is untracked is
    then new only in them, and below what is new.
    *size_of* gives the shallow bytes of an object (default: what its C type says). *give_up* is asked about every
    2000 objects. Raises `GaveUp` when it answers True, and when there are more than *max_objects*. What only
    *ignore* or memwatch hold is left out. While it runs a part of the heap is held, so an object that the program
    drops meanwhile may be freed in this thread; nothing is held after.
    """
    walk = Walk(0, size_of, give_up, max_objects, grown=grown)
    try:
        walk.pages.mark(known, KNOWN)
        with quiet:
            walk_all(walk, [known, *ignore])
            return _holdings(walk)
    except GaveUp as error:
        reason = str(error)
    finally:
        walk.release()
    raise GaveUp(reason)  # anew: the first one's traceback holds the walk's frames, and they the program's objects


def find_path(obj: object, *, give_up: Callable[[], bool] | None = None) -> RetainingPath | None:
    """The shortest path from a root to *obj*, or None if nothing is seen to hold it. Raises `GaveUp`.

    Where the walk misses it (the program moved it meanwhile), objgraph looks backwards from it for a moment.
    """
    walk = Walk(KNOWN, give_up=give_up, stop_at_first=True)
    try:
        walk.pages.page(id(obj))[id(obj) >> 4 & 4095] = 0
        with quiet:
            walk_all(walk, ())
            if not walk.found:
                return find_path_backwards(obj)
            chain = _chain(walk, walk.found[0])
            return None if chain is None else make_path(*_steps(chain, _root(walk, walk.found[0])))
    except GaveUp as error:
        reason = str(error)
    finally:
        walk.release()
    raise GaveUp(reason)


def _holdings(walk: Walk) -> tuple[Holding, ...]:
    ranked = sorted(_alike(walk), key=lambda found: -found.size)[:_MOST_NAMED]
    told: dict[tuple[str, ...], Holding] = {}
    for found in ranked:
        chain = _chain(walk, found.group)
        if chain is not None:
            wiped, holding = _holding(walk, found, chain)
            is_key = holding.path.steps[-1] == KEY
            told[wiped] = _joined(told[wiped], holding, not is_key) if wiped in told else holding
    return tuple(sorted(_topmost(told), key=lambda holding: -holding.retained_bytes))


def _topmost(told: dict[tuple[str, ...], Holding]) -> Iterable[Holding]:
    """The holdings, each joined to that above it on its path, unless more hangs below than above.

    Less hangs below where a container grows and its older items get new members; more, where those members are what
    grows and the container just has some turnover.
    """
    top: dict[tuple[str, ...], Holding] = {}
    for wiped in sorted(told, key=len):
        items = (n for n in range(1, len(wiped) - 1) if wiped[n].startswith(ITEM))
        above = next((place for n in items if (place := (*wiped[:n], ITEM)) in top), wiped)
        joins = above is not wiped and told[wiped].retained_bytes <= top[above].retained_bytes
        top[above if joins else wiped] = _joined(top[above], told[wiped], False) if joins else told[wiped]
    return top.values()


def _alike(walk: Walk) -> list[_Sum]:
    """The groups, those at places alike joined where they are many: then they are members of a collection."""
    places: dict[tuple[int, ...], list[Group]] = {}
    for group in walk.found:
        places.setdefault(walk.likeness(group.parent, id(group.kind)), []).append(group)
    sums: list[_Sum] = []
    for groups in places.values():
        sums.extend([_Sum(groups)] if len(groups) > _COLLECTION else (_Sum([group]) for group in groups))
    return sums


def _joined(one: Holding, other: Holding, as_targets: bool) -> Holding:
    """Two holdings as one, told with the path of the first; *as_targets* if the other's are topmost there too."""
    types = Counter(one.type_counts)
    types.update(other.type_counts)
    return Holding(
        path=one.path,
        targets=one.targets + as_targets * other.targets,
        retained_bytes=one.retained_bytes + other.retained_bytes,
        retained_items=one.retained_items + other.retained_items,
        type_counts=dict(types.most_common()),
        frontier_type=one.frontier_type,
        holder_type=one.holder_type,
        holder_items=one.holder_items,
        holder_address=one.holder_address,
        bound=one.bound,
    )


def _holding(walk: Walk, found: _Sum, chain: list[Any]) -> tuple[tuple[str, ...], Holding]:
    """The holding of objects of which *chain* leads to the latest, and the steps of its path as its fingerprint has."""
    top = chain[-1]
    alone = found.targets == 1
    steps, wiped = _steps(chain, _root(walk, found.group), alone)
    holder = top if alone and is_large(top) else holder_of(chain)
    types: Counter[str] = Counter()
    for kind, count in found.types.items():
        types[type_label(walk.kinds_by_id[kind])] += count
    return wiped, Holding(
        path=make_path(steps, wiped),
        targets=found.targets,
        retained_bytes=found.size,
        retained_items=found.items,
        type_counts=dict(types.most_common()),
        frontier_type=type_label(type(top)),
        holder_type=type_label(type(holder)),
        holder_items=length(holder),
        holder_address=id(holder),
        bound=_bound(chain, holder),
    )


def _bound(chain: list[Any], holder: Any) -> int | None:
    """The length that *holder* cannot pass, as it or the object around it says."""
    if type(holder) is LruCacheWrapper:
        found: Any = LruCacheWrapper.cache_info(holder).maxsize
        return None if found is None else int(found)
    if issubclass(type(holder), deque):
        bound: int | None = deque.maxlen.__get__(holder)
        return bound
    place = next((n for n, obj in enumerate(chain) if obj is holder), 0)
    for around in chain[max(0, place - 2) : place + 1]:
        for name in _BOUNDS:
            value = instance_value(around, name)
            if type(value) is int and value > 0:
                return value
    return None


def _root(walk: Walk, group: Group) -> str:
    nodes = walk.ancestry(group.latest_parent)
    return walk.label_of(walk.parents[nodes[0]] if nodes else group.latest_parent)


def _chain(walk: Walk, group: Group) -> list[Any] | None:
    """The objects from the root to the group's latest one; None if the heap has changed and the chain is broken."""
    nodes = walk.ancestry(group.latest_parent)
    if not nodes:
        return [group.latest]
    chain = [walk.roots[nodes[0]]]
    for node in nodes[1:]:
        address, kind = walk.addresses[node], walk.kinds[node]
        held = (obj for obj in contents(chain[-1]) if id(obj) == address and id(type(obj)) == kind)
        found = next(held, None)
        if found is None:
            return None
        chain.append(found)
    chain.append(group.latest)
    return chain


def _steps(chain: list[Any], root: str, alone: bool = True) -> tuple[tuple[str, ...], tuple[str, ...]]:
    steps, wiped = steps_of(chain, root, alone)
    if root not in (HELD_IN_C, HELD_BY_NOTHING):
        return steps, wiped
    return (steps[0], describe(chain[0]), *steps[1:]), (wiped[0], printable(type_label(type(chain[0]))), *wiped[1:])
