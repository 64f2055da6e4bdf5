"""The search in Python, a reference for the one in C: a walk in slices, with other threads running in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

from ..backend.census.contract import Cancelled
from ..backend.stopped import stopping_patience
from ..backend.type_labels import type_label
from ..internal import internal
from .found import NEW_UNKNOWN, HoldingSite, Query
from .pages import KNOWN
from .references import contents, has_variables, is_frame, referrers
from .roots import walk_all
from .walk import NOT_TOLD, Group, Walk

_COLLECTION = 16
_WATCHED = 64
_NOTED = 256


@internal
class _Sum:
    """Groups that are reported as one: their counts, and the member to show."""

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


def search_in_python(query: Query, before_places: Callable[[], None] = lambda: None) -> list[HoldingSite]:
    """The answer to *query*, for addresses alone; *before_places* is called before objects come to be held."""
    wanted = query.mode != NEW_UNKNOWN
    stop = wanted and len(query.given) == 1 and not query.branches
    grown = None if query.grown is None else frozenset(query.grown)
    should_cancel = query.should_cancel or stopping_patience()
    walk = Walk(KNOWN * wanted, should_cancel, stop, grown, wanted)
    try:
        if wanted:
            for address in query.given:
                walk.pages.page(address)[address >> 4 & 4095] = 0
        else:
            walk.pages.mark(query.given, KNOWN)
        walk_all(walk, [query.given, query.grown, grown, query.ignore, *query.ignore])
        before_places()
        return _places(walk, query.named, query.branches)
    except Cancelled as error:
        reason = str(error)
    finally:
        walk.release()
    raise Cancelled(reason)  # anew: the first one's traceback holds the walk's frames, and they the program's objects


def _places(walk: Walk, named: int, branches: int) -> list[HoldingSite]:
    found = []
    for one in sorted(_alike(walk), key=lambda one: -one.size)[:named]:
        chain = _chain(walk, one.group)
        if chain is not None:
            types: Counter[str] = Counter()
            for kind, count in one.types.items():
                types[type_label(walk.kinds_by_id[kind])] += count
            root = walk.label_of(_root_of(walk, one.group.latest_parent))
            found.append(HoldingSite(root, chain, one.targets, one.items, one.size, types))
            if branches and len(found) == 1:
                found.extend(_branches(walk, one.group, chain, branches))
    return found


def _alike(walk: Walk) -> list[_Sum]:
    """The groups; where they are many, those at similar places are joined: they are members of a collection."""
    places: dict[tuple[int, ...], list[Group]] = {}
    for group in walk.found:
        places.setdefault(walk.likeness(group.parent, id(group.kind)), []).append(group)
    sums: list[_Sum] = []
    for groups in places.values():
        sums.extend([_Sum(groups)] if len(groups) > _COLLECTION else (_Sum([group]) for group in groups))
    return sums


def _root_of(walk: Walk, node: int) -> int:
    while node >= 0:
        node = walk.parents[node]
    return node


def _chain(walk: Walk, group: Group) -> list[Any] | None:
    """The objects from the root to the group's latest one; None if the heap has changed and the chain is broken."""
    chain = _chain_to(walk, group.latest_parent)
    return None if chain is None else [*chain, group.latest]


def _chain_to(walk: Walk, last: int) -> list[Any] | None:
    nodes = walk.ancestry(last)
    chain = [walk.roots[nodes[0]]] if nodes else []
    for node in nodes[1:]:
        address, kind = walk.addresses[node], walk.kinds[node]
        held = (obj for obj in contents(chain[-1]) if id(obj) == address and id(type(obj)) == kind)
        found = next(held, None)
        if found is None:
            return None
        chain.append(found)
    return chain


def _branches(walk: Walk, group: Group, chain: list[Any], most: int) -> Iterator[HoldingSite]:
    """Other ways to the last object of *chain*, the best first. Each joins the chain at an object with two holders."""
    places = {id(chain[place]): place for place in _watched(chain)}
    nodes = [*walk.ancestry(group.latest_parent), -1]
    found = []
    for node in _holders(walk, [chain[place] for place in places.values()]):
        above = walk.ancestry(node)
        way = _chain_to(walk, node)
        root = walk.label_of(_root_of(walk, node))
        for place in _joins(way[-1], places) if way and root != NOT_TOLD else ():
            passed = {places.get(walk.addresses[n], -1) for n in above}
            if max(passed) < place and not (place and nodes[place - 1] == node):
                found.append(HoldingSite(root, [*(way or ()), *chain[place:]]))
    return iter(sorted(found, key=lambda it: it.rank)[:most])


def _joins(holder: Any, places: dict[int, int]) -> set[int]:
    return {places[id(held)] for held in contents(holder) if id(held) in places}


def _watched(chain: Sequence[Any]) -> Iterator[int]:
    """The places in *chain*, from its end up to a module or class: everything refers to those."""
    for place in range(len(chain) - 1, max(-1, len(chain) - 1 - _WATCHED), -1):
        known = place < len(chain) - 1 and issubclass(type(chain[place]), (ModuleType, type))
        if known or (0 < place < len(chain) - 1 and type(chain[place - 1]) is ModuleType):
            return
        yield place


def _holders(walk: Walk, objects: list[Any]) -> list[int]:
    """The nodes of what refers to one of *objects*, the nearest to a root first."""
    holding = {id(holder) for holder in referrers(objects)}
    found = [node for node, address in enumerate(walk.addresses) if address in holding][:_NOTED]
    frames = [node for node, obj in walk.roots.items() if is_frame(obj) and has_variables(obj)]
    return [*found, *(node for node in frames if node not in found)]
