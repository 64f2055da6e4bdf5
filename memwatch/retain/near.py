"""Who holds what was sampled, where the heap is too large to be searched? What lies near to the roots is looked at.

The sampler knows the addresses of some objects that came. They are looked for from the program's own modules, from
running functions, then from libraries, each time for no longer than one pause may be. Small objects are walked; the
items of large containers are compared with the samples.

How much a holder keeps is an estimate: the size of its latest items, times as many as the samples there stand for. A
small object is seldom sampled and what it owns more often, so the samples are also looked for in what the items own. If
nobody is found, `members` looks farther.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from sys import getrefcount
from typing import Any

from ..backend.census.referents import referents_of
from ..backend.quiet import quiet
from ..backend.type_labels import size_reader, type_label
from ..internal import internal
from .found import NEW_WANTED, HoldingSite, Query
from .holdings import holdings_at
from .members import Found, Members, topmost
from .object_labels import length
from .path import Holding
from .references import OWN, contents, distance, is_tracked, root_modules
from .search import IN_C, Search

_NAMED = 48
_LEAST = 3  # samples at a place: fewer tell nothing
_ENOUGH = 0.8  # of the samples of any type: who holds the rest is not looked for
_WEIGHED = 24  # items of a holder
_MOST_PARTS = 10_000  # objects that the items own together, and references that one of these has
_AT_ONCE = 50  # modules, of which one look may see enough
_MANY = 30  # samples, from which on a number is known well enough
_BATCH = 500  # items
_WITHOUT = 4  # batches in a row without a sample: what comes before is older
_MOST_ITEMS = 50_000
_WIDE = 8  # objects an item, of those that are looked into
_DEEP = 3


@internal
class Wanted:
    """Sampled *objects*: by address the type label, and how many objects each stands for.

    `addresses` are sorted; `samples` and `counts` are by type label how many there are, and what these stand for.
    """

    __slots__ = ("addresses", "counts", "objects", "samples")

    def __init__(self, objects: Mapping[int, tuple[str, float]]) -> None:
        self.objects = objects
        self.addresses = array("Q", sorted(objects))
        self.samples, self.counts = total(objects.values())


def total(sampled: Iterable[tuple[str, float]]) -> tuple[Counter[str], dict[str, float]]:
    """By type label how many samples there are, and how many objects these stand for."""
    samples, counts = Counter[str](), dict[str, float]()
    for label, count in sampled:
        samples[label] += 1
        counts[label] = counts.get(label, 0.0) + count
    return samples, counts


def find_near(
    wanted: Wanted,
    seconds: float,
    is_over: Callable[[], bool],
    show_keys: bool = False,
) -> tuple[Holding, ...]:
    """Who holds *wanted*, most estimated bytes first. Each look holds the interpreter for *seconds* at most; none
    begins once *is_over* answers True. Nothing without the C backend."""
    reported: dict[tuple[int, str], Holding] = {}
    if not IN_C or not wanted.addresses:
        return ()
    for roots in _stages():
        query = Query(NEW_WANTED, wanted.addresses, _NAMED, roots=roots)
        with quiet, Search.near(query, seconds) as places:
            found = [place for place in places if _estimate(place, wanted)]
            for holding in holdings_at(_without_parts(found), show_keys):
                reported.setdefault((holding.holder_address, holding.frontier_type), holding)
        if is_over() or _is_enough(reported.values(), wanted):
            break
    else:
        for holding in _in_members(wanted, is_over, show_keys, {holder for holder, _ in reported}):
            reported[holding.holder_address, holding.frontier_type] = holding
    return tuple(sorted(reported.values(), key=lambda holding: -holding.retained_bytes))


def _in_members(
    wanted: Wanted, is_over: Callable[[], bool], show_keys: bool, known: Container[int]
) -> tuple[Holding, ...]:
    """The same for the members of large containers, without containers *known* to hold samples themselves."""
    members = Members(wanted.objects, is_over, known)
    try:
        with quiet:
            members.run()
            return holdings_at([place for it in topmost(members.found) if (place := _place(*it))], show_keys)
    finally:
        members.release()


def _place(found: Found, below: Sequence[Found]) -> HoldingSite | None:
    """What *found* stands for, or what lies *below* its objects if there are more samples; None if there are few."""
    place = HoldingSite(found.root, found.chain)
    every = (found, *below)
    samples = sum((it.samples for it in every), Counter[str]())
    if samples.total() < _LEAST:
        return None
    types, size, weighed = _weigh(list(found.latest))
    best = samples.most_common(1)[0][0]
    count = sum(it.counts.get(best, 0.0) for it in every)
    _fill(place, count * weighed / max(types[best], 1), types, size, weighed)
    return place


def _stages() -> Iterator[Sequence[tuple[str, Any]]]:
    """The modules to begin with, one look after the other; none for running functions."""
    every = root_modules()
    own = [it for it in every if distance(*it) <= OWN]
    yield from _in_parts(own)
    yield ()
    yield from _in_parts(every[len(own) :])


def _in_parts(modules: Sequence[tuple[str, Any]]) -> Iterator[Sequence[tuple[str, Any]]]:
    for start in range(0, len(modules), _AT_ONCE):
        yield modules[start : start + _AT_ONCE]


def _is_enough(reported: Any, wanted: Wanted) -> bool:
    return any(it.targets >= _ENOUGH * wanted.counts[it.frontier_type] for it in reported)


def _estimate(place: HoldingSite, wanted: Wanted) -> bool:
    """Enter in *place* what its samples stand for, if there are enough of them."""
    last = place.chain[-1]
    label = type_label(type(last))
    there = wanted.samples.get(label, 0)
    if not there or place.targets < min(_LEAST, there):
        return False
    count = wanted.counts[label] * min(1.0, place.targets / there)
    holder = place.chain[-2] if len(place.chain) > 1 else None
    types, size, weighed = _weigh(_of_kind(_latest(holder, 2 * _WEIGHED), last)[-_WEIGHED:] or [last])
    if place.targets < _MANY:
        samples, counts = total(_sampled_below(holder, last, wanted.objects))
        best = max(samples, key=lambda it: samples[it], default=label)
        if samples[best] > place.targets and types[best]:
            count = counts[best] * weighed / types[best]
    _fill(place, count, types, size, weighed)
    return True


def _fill(place: HoldingSite, count: float, types: Counter[str], size: int, weighed: int) -> None:
    """Enter in *place* so many objects, of which some were *weighed*."""
    each = count / weighed
    place.targets, place.size = round(count), round(each * size)
    place.types = Counter({kind: round(each * number) for kind, number in types.items()})
    place.items = round(each * sum(types.values()))


def _without_parts(places: Sequence[HoldingSite]) -> list[HoldingSite]:
    """*places* without those inside an item of another place, whose estimate includes them, unless they have more."""
    sizes = {(id(it.chain[-2]), type(it.chain[-1])): it.size for it in places if len(it.chain) > 1}
    return [place for place in places if all(place.size > sizes.get(way, 0) for way in _ways(place.chain))]


def _ways(chain: Sequence[Any]) -> Iterator[tuple[int, type]]:
    """The holders on the way to the last object's, each with the type of the item that leads on."""
    return ((id(holder), type(item)) for holder, item in pairwise(chain[:-1]))


def _latest(holder: Any, most: int) -> list[Any]:
    """Some items of the holder, the latest where it has an order; they come last."""
    try:
        if issubclass(type(holder), list):
            return list.__getitem__(holder, slice(-most, None))
        if issubclass(type(holder), dict):
            return list(islice(reversed(dict.values(holder)), most))[::-1]
        return list(islice(reversed(holder), most))[::-1] if type(holder) is deque else []
    except RuntimeError:  # another thread changed it meanwhile
        return []


def _of_kind(items: list[Any], last: Any) -> list[Any]:
    return [it for it in items if type(it) is type(last)]


def _sampled_below(holder: Any, last: Any, objects: Mapping[int, tuple[str, float]]) -> Iterator[tuple[str, float]]:
    """What was sampled of the items of a holder like its *last* one, and of what these alone refer to; the latest
    first, until none is found for long."""
    items, without = _of_kind(_latest(holder, _MOST_ITEMS), last), 0
    while items and without < _WITHOUT:
        batch = items[-_BATCH:]
        del items[-_BATCH:]
        found = [objects[id(it)] for it in _below(batch) if id(it) in objects]
        without = 0 if found else without + 1
        yield from found


def _below(items: list[Any]) -> list[Any]:
    """*items*, and as much of what they own as may be looked at."""
    found, level = list(items), items
    for _ in range(_DEEP):
        level = _owned(referents_of(tuple(level)))
        found += level
        level = [it for it in level if is_tracked(it) and (length(it) or 0) < _MOST_PARTS][: _WIDE * _BATCH]
    return found


def _weigh(items: Sequence[Any]) -> tuple[Counter[str], int, int]:
    """What *items* consist of, by type, and the bytes: themselves, and what only one of them refers to. Also how many
    items were weighed, since of many parts not all are."""
    types: Counter[str] = Counter()
    size = weighed = 0
    while weighed < len(items) and (not weighed or types.total() < _MOST_PARTS):
        own = [items[weighed]]
        for obj in own:  # grows while it is walked
            kind = type(obj)
            types[type_label(kind)] += 1
            size += size_reader(kind)(obj)
            if len(own) < _MOST_PARTS and (length(obj) or 0) < _MOST_PARTS:
                own += _owned(contents(obj))
        weighed += 1
    return types, size, weighed


def _owned(children: list[Any]) -> list[Any]:
    """Those of *children* to which nothing but one object and this list refers."""
    return [child for child, count in zip(children, _counts(children), strict=True) if count <= _ALONE]


def _counts(objects: list[Any]) -> list[int]:
    return [getrefcount(obj) for obj in objects]


def _count_alone(owner: list[Any]) -> int:
    """The reference count of an object that only one list refers to; each version of Python counts in its own way."""
    return _counts(contents(owner))[0]


_ALONE = _count_alone([object()])
