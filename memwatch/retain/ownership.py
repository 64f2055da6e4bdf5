"""How do the new objects below an item relate to each other: which own which, and which are only weakly referred to?

This distinguishes two classes of which equally many came, and registries from holders.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any
from weakref import ReferenceType

from ..backend.type_labels import flags_of, type_label
from .object_labels import length
from .references import contents

_MOST = 500  # objects that are looked at
_LATEST = 20  # of each type that one refers to: the items of a container that grows are alike
_MOST_CLASSES, _MOST_NEAR = 10, 200  # that are asked what lies below them, and how much of that is looked at
_MOST_LOOKED_AT = 100_000
_NEAR = 4  # references from an item to the weak one by which it notes another
_WRAPPING = (list, tuple, dict, set)
_HEAP_TYPE = 1 << 9
_NEVER_OWNED = frozenset(("type", "module", "frame"))  # a frame would have to make a dict of its variables


def is_known(address: int, known: Sequence[int]) -> bool:
    """Whether *address* is among the sorted addresses of old objects."""
    place = bisect_left(known, address)
    return place < len(known) and known[place] == address


def owners_by_type(top: Any, labels: Collection[str], known: array[int] | None = None) -> dict[str, tuple[str, ...]]:
    """For each type below *top* the types on the shortest way to its first object, outermost first.

    Of two classes that lead to each other none owns the other. Only new objects of the types *labels* are passed;
    *known* has the sorted addresses of old ones. No code of the program runs.
    """
    ways: dict[str, tuple[str, ...]] = {}
    first: dict[str, Any] = {}
    for held, way in _below(top, labels, known):
        label = type_label(type(held))
        if label not in ways:
            ways[label], first[label] = way, held
        if len(ways) >= len(labels):
            break
    classes = [label for label in ways if "." in label and any("." in it for it in ways[label])]
    return ways | {it: _without(ways[it], first[it], labels, known) for it in classes[:_MOST_CLASSES]}


def _without(way: tuple[str, ...], held: Any, labels: Collection[str], known: array[int] | None) -> tuple[str, ...]:
    """*way*, the types on the way to *held*, without the classes that lie below *held* as well."""
    below = {type_label(type(it)) for it, _ in islice(_below(held, labels, known), 1, _MOST_NEAR)}
    return tuple(label for label in way if "." not in label or label not in below)


def noted_types(top: Any, labels: Collection[str], known: array[int] | None = None) -> frozenset[str]:
    """The types of new objects to which *top* refers weakly, itself or through what is near below it. The arguments are
    those of `owners_by_type`."""
    found = set()
    for held, way in _below(top, labels, known):
        if len(way) > _NEAR:
            break
        if issubclass(type(held), ReferenceType):
            noted = ReferenceType.__call__(held)
            if noted is not None and noted is not top and not (known is not None and is_known(id(noted), known)):
                found.add(type_label(type(noted)))
    return frozenset(found)


def inner_address(top: Any, known: array[int] | None = None) -> int:
    """The address of the new object of a class made in Python that *top*, a list, tuple, dict or set, was put around;
    0 where it is none of these, is large, or has none."""
    if not any(type(top) is kind for kind in _WRAPPING) or (length(top) or 0) > _LATEST:
        return 0
    inner = (held for held in reversed(contents(top)) if flags_of(type(held)) & _HEAP_TYPE)
    new = (held for held in inner if not issubclass(type(held), type) and not (known and is_known(id(held), known)))
    return next(map(id, new), 0)


def _below(top: Any, labels: Collection[str], known: array[int] | None) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """*top* and what it leads to, nearest first, each with the types on the way to it."""
    level: list[tuple[Any, tuple[str, ...]]] = [(top, ())]
    seen = {id(top)}
    while level and len(seen) < _MOST:
        yield from level
        below = []
        for owner, way in level:
            passed = (*way, type_label(type(owner)))
            for held in _latest(owner, labels):
                if id(held) not in seen and not (known is not None and is_known(id(held), known)):
                    seen.add(id(held))
                    below.append((held, passed))
        level = below


def _latest(owner: Any, labels: Collection[str]) -> Iterator[Any]:
    """What *owner* refers to, the latest first: of each of the types *labels* a few."""
    counts: Counter[str] = Counter()
    found = contents(owner) if (length(owner) or 0) <= _MOST_LOOKED_AT else []
    for held in reversed(found):
        label = type_label(type(held))
        counts[label] += 1
        if counts[label] <= _LATEST and label in labels and label not in _NEVER_OWNED:
            yield held
