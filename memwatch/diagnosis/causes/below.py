"""Causes by what hangs below the items, where these say nothing themselves: tuples of a task and its name, a copy."""

from __future__ import annotations

from dataclasses import replace

from ...backend.type_labels import every_type, mro_of, type_label
from ...retain import CHAINED, IN_OWN_ARRAY, Holding, RetainingPath
from .cause import Cause, Pattern
from .holders import CYCLE_IN_C, UNREACHED
from .kept import KEPT

CONTAINERS = frozenset(("dict", "list", "tuple", "set", "frozenset", "cell"))
OFTEN = 0.5  # of the topmost objects: what comes with so many of them belongs to each
SEVERAL = 10
_MUCH = 1 << 20  # bytes of one object, as of an array, below which nothing hangs
_PATTERNS = tuple((cause, tuple(map(Pattern, cause.paths))) for cause in KEPT if cause.inside)


def cause_inside(holding: Holding) -> Cause | None:
    """The cause of what comes with each of the items, where they are mere containers."""
    path = holding.path
    if holding.frontier_type not in CONTAINERS or not path.reach or not path.reach[-1].edge.is_item:
        return None
    often = [
        label
        for label, count in holding.type_counts.items()
        if count >= OFTEN * holding.targets and label not in CONTAINERS
    ]
    paths = [_with_item(path, label, traits) for label, traits in _traits_of(often).items()]
    for cause, patterns in _PATTERNS:
        if cause.below and holding.type_counts.get(cause.below, 0) < OFTEN * holding.targets:
            continue
        if any(pattern.match(it) is not None for pattern in patterns for it in paths):
            return cause
    return None


def cause_unreached(path: RetainingPath) -> tuple[Cause, str]:
    """The cause of what no root leads to, and what it holds itself by, where that is known."""
    is_cycle = bool(path.steps) and IN_OWN_ARRAY in path.steps[-1].traits
    return (CYCLE_IN_C, "a numpy.ndarray of objects") if is_cycle else (UNREACHED, "")


def is_replaced(holding: Holding) -> bool:
    """Whether one object came, no mere container of Python's, that holds all the others, or is large itself."""
    last = holding.path.steps[-1] if holding.path.steps else None
    if holding.targets != 1 or last is None or last.edge.is_item or CHAINED in last.traits:
        return False
    if holding.frontier_type in CONTAINERS or holding.type_counts.get(holding.frontier_type, 0) > 1:
        return False
    others = [count for label, count in holding.type_counts.items() if label != holding.frontier_type]
    return max(others, default=0) >= SEVERAL or holding.retained_bytes >= _MUCH


def _with_item(path: RetainingPath, label: str, traits: tuple[str, ...]) -> RetainingPath:
    """*path*, as if its items were of the class *label*."""
    last = replace(path.reach[-1], type=label, traits=traits, bare=False)
    return replace(path, steps=(*path.reach[:-1], last), into_items=False)


def _traits_of(labels: list[str]) -> dict[str, tuple[str, ...]]:
    """The labels of the bases of each of the classes *labels*."""
    found: dict[str, tuple[str, ...]] = dict.fromkeys(labels, ())
    for cls in every_type() if labels else ():
        if (label := type_label(cls)) in found:
            found[label] = tuple(type_label(base) for base in mro_of(cls)[1:] if base is not object)
    return found
