"""Who holds what was sampled, where the heap is too large to be searched: by what lies near to the roots.

The sampler knows some of the objects that came, by their address. They are looked for from the program's own modules,
then from running functions, then from libraries, each time for no longer than a pause may be: small things are walked,
and of large containers the items are compared with what is wanted. How much a holder keeps is estimated: what its
latest items own, times as many as the samples found there stand for.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from sys import getrefcount
from typing import Any

from ..backend.quiet import quiet
from ..backend.type_labels import size_reader, type_label
from ..internal import internal
from .found import NEW_WANTED, Place, Query
from .holdings import holdings_at
from .object_labels import length
from .path import Holding
from .references import OWN, contents, distance, root_modules
from .search import IN_C, Search

_NAMED = 48
_LEAST = 3  # samples at a place: fewer tell nothing
_ENOUGH = 0.8  # of the samples of any type: who holds the rest is not looked for
_WEIGHED = 24  # items of a holder
_MOST_PARTS = 10_000  # objects that the items own together, and references that one of these has
_AT_ONCE = 50  # modules, of which one look may see enough


@internal
@dataclass(frozen=True, slots=True)
class Wanted:
    """Sampled objects by address; and by type label how many, and how many objects these stand for."""

    addresses: array[int]
    samples: Mapping[str, int]
    counts: Mapping[str, float]


def find_near(
    wanted: Wanted,
    seconds: float,
    is_over: Callable[[], bool],
    paused: Callable[[float], None],
    show_keys: bool = False,
) -> tuple[Holding, ...]:
    """Who holds them, most estimated bytes first; each look holds the interpreter for *seconds* at most, which *paused*
    is told, and when *is_over* says so no further one is taken. Nothing without the C backend."""
    reported: dict[tuple[int, str], Holding] = {}
    for roots in _stages() if IN_C and wanted.addresses else ():
        query = Query(NEW_WANTED, wanted.addresses, _NAMED, roots=roots)
        with quiet, Search.near(query, seconds, paused) as places:
            found = [place for place in places if _estimate(place, wanted)]
            for holding in holdings_at(found, show_keys):
                reported.setdefault((holding.holder_address, holding.frontier_type), holding)
        if is_over() or _is_enough(reported.values(), wanted):
            break
    return tuple(sorted(reported.values(), key=lambda holding: -holding.retained_bytes))


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


def _estimate(place: Place, wanted: Wanted) -> bool:
    """Put into *place* what its samples stand for, if there are enough of them."""
    last = place.chain[-1]
    label = type_label(type(last))
    there = wanted.samples.get(label, 0)
    if place.targets < min(_LEAST, there) or not there:
        return False
    count = wanted.counts[label] * min(1.0, place.targets / there)
    types, size, weighed = _weigh(_latest(place.chain, type(last)))
    each = count / weighed
    place.targets, place.size = round(count), round(each * size)
    place.types = Counter({kind: round(each * number) for kind, number in types.items()})
    place.items = round(each * sum(types.values()))
    return True


def _latest(chain: Sequence[Any], kind: type) -> list[Any]:
    """Some items of the holder that are of the last one's type, the latest where it has an order."""
    holder: Any = chain[-2] if len(chain) > 1 else None
    try:
        if issubclass(type(holder), list):
            found = list.__getitem__(holder, slice(-2 * _WEIGHED, None))
        elif issubclass(type(holder), dict):
            found = list(islice(reversed(dict.values(holder)), 2 * _WEIGHED))
        else:
            found = list(islice(reversed(holder), 2 * _WEIGHED)) if type(holder) is deque else []
    except RuntimeError:  # another thread changed it meanwhile
        found = []
    return [it for it in found if type(it) is kind][-_WEIGHED:] or [chain[-1]]


def _weigh(items: Sequence[Any]) -> tuple[Counter[str], int, int]:
    """What *items* are made of, by type, and its bytes: themselves, and what one of them alone refers to. Of many parts
    not all are looked at: how many items were."""
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
    """Those of *children* that nothing but one object and this list refers to."""
    return [child for child, count in zip(children, _counts(children), strict=True) if count <= _ALONE]


def _counts(objects: list[Any]) -> list[int]:
    return [getrefcount(obj) for obj in objects]


def _count_alone(owner: list[Any]) -> int:
    """What is read for an object that one list alone refers to; each version of Python has its own way to count."""
    return _counts(contents(owner))[0]


_ALONE = _count_alone([object()])
