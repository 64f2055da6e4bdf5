"""Bounds that no holder shows by itself: how old items become, how many objects there are to have one, what is beside.

Items that go at an age are no more than come by then. What old objects get as an attribute, one each, is no more than
there are of them: a page that each product keeps once it was asked for, the nodes of a list that was made at once. And
what has as many items as a bounded container, and is emptied together with it, is kept as short as that: a dict of
sessions, beside a heap that says when each goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..heap import Totals
from ..retain import ATTRIBUTES, Holding, is_taken_with
from .verdict import HALF

_EXPIRES = 2  # times the age that items reach: as many go as come by then, and growth for longer has another cause
_MANY = 100  # items, or objects that have something
_AS_BEFORE = 0.1  # of the new objects: so few more owners of them may there be
_ONE_EACH = 1.2  # times the owners: so many objects of its type may come with what each of them gets
_ALIKE = 0.02  # of the items of two containers that have as many
_OWN_NAMES = "__dict__"


def with_bounds(holdings: Sequence[Holding], net: Mapping[str, int], before: Totals, seconds: float) -> list[Holding]:
    """The *holdings* of growth that took *seconds*, with such bounds.

    There were so many objects of each type *before*, and *net* more came.
    """
    found = [_of_population(_expiring(held, seconds), net, before) for held in holdings]
    return [_beside(held, found) for held in found]


def without_idle(holdings: Sequence[Holding]) -> tuple[Holding, ...]:
    """The *holdings* without bounds and ages that only such code keeps as has not been run.

    What is half full is believed: it will be full at the next look, or have passed its bound.
    """
    freed = {"bound": None, "used": None, "bounded_bytes": 0, "seconds_kept": None, "kept_up": False}
    idle = (held for held in holdings if not (held.in_use or _is_half_full(held)))
    found = {id(held): replace(held, **freed) for held in idle}  # type: ignore[arg-type]
    return tuple(found.get(id(held), held) for held in holdings)


def _is_half_full(held: Holding) -> bool:
    return held.bound is not None and held.used is not None and held.used >= HALF * held.bound


def _expiring(held: Holding, seconds: float) -> Holding:
    """A holding whose items go at an age that most have not reached is bounded: by as many as there are by then.

    Where all that were older have gone, there are more because more come in that time: it is as full as it can be.
    """
    age, items = held.seconds_kept, held.holder_items if held.rows is None else held.rows
    items = 1 if items is None and held.targets == 1 else items  # one object that is made anew
    if age is None or items is None:
        return held
    if seconds >= _EXPIRES * age:
        return _bounded(held, items, items) if held.kept_up and held.bound is None else held
    bound = round(items * max(1.0, age / max(seconds, 1.0)))
    least = bound if held.bound is None else min(bound, held.bound)
    return _bounded(held, max(least, items), items)


def _of_population(held: Holding, net: Mapping[str, int], before: Totals) -> Holding:
    """A holding of attributes of older objects, one each, is bounded by the number of these if it stays the same.

    What takes the place of something older has no such bound, nor has what hangs at something of its own type: the head
    of a chain is new whenever the chain becomes longer.
    """
    owner, what = _owner(held), held.frontier_type
    if held.bound is not None or owner is None or held.targets < _MANY:
        return held
    if held.type_counts.get(what, 0) > _ONE_EACH * held.targets or net.get(what, 0) < HALF * held.targets:
        return held
    came = net.get(owner, 0)
    there = before.get(owner, (0, 0))[0] + came
    if held.targets > there or abs(came) > _AS_BEFORE * held.targets:
        return held
    return _bounded(held, there, held.targets)


def _owner(held: Holding) -> str | None:
    """The type of the objects, each one of many, that have what is held as an attribute."""
    steps = held.path.steps
    named = [n for n, step in enumerate(steps) if step.edge.kind in ATTRIBUTES or step.edge.name == _OWN_NAMES]
    number = named[-1] if named else 0
    if not number or not steps[number - 1].edge.is_item:
        return None
    is_last = number == len(steps) - 1 or (steps[number].edge.name == _OWN_NAMES and number == len(steps) - 2)
    return steps[number - 1].type if is_last else None


def _beside(held: Holding, others: Sequence[Holding]) -> Holding:
    """A holding with as many items as one that is bounded, if the code that takes these out takes those out, too."""
    items = held.holder_items
    if held.bound is not None or held.weak or items is None or items < _MANY:
        return held
    for other in others:
        if not other.used or other.bound is None or not other.is_bounded:
            continue
        if abs((other.holder_items or 0) - items) <= _ALIKE * items and is_taken_with(held.path, other.path):
            return _bounded(held, round(items * max(1.0, other.bound / other.used)), items)
    return held


def _bounded(held: Holding, bound: int, used: int) -> Holding:
    return replace(held, bound=bound, used=used, bounded_bytes=held.retained_bytes)
