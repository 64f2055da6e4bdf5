"""What keeps memwatch out of its own measurements: quiet threads, and classes whose instances are not counted."""

from __future__ import annotations

import gc
from _thread import get_ident
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import compress
from types import MethodType
from typing import TypeVar

Class = TypeVar("Class", bound=type)

_quiet: dict[int, int] = {}
_own_types: set[int] = set()
_PARTS = frozenset(map(id, (list, dict, set, tuple, array)))
_METHODS = frozenset((id(MethodType),))


class GaveUp(Exception):
    """A walk ended early because its `give_up` said so; nothing was kept of it."""


@contextmanager
def quiet() -> Iterator[None]:
    """While inside, the collections that this thread runs are memwatch's own and raise no event. Re-entrant."""
    thread = get_ident()
    _quiet[thread] = _quiet.get(thread, 0) + 1
    try:
        yield
    finally:
        depth = _quiet.pop(thread) - 1
        if depth:
            _quiet[thread] = depth


def is_quiet() -> bool:
    """Whether this thread is inside `quiet`. Cheap enough for a gc callback, and right in each thread by itself."""
    return bool(_quiet) and get_ident() in _quiet


def own(cls: Class) -> Class:
    """Mark a class as memwatch's own: a census counts neither its instances nor the containers they are made of.

    Known by identity, so a user's class of the same name is counted as any other.
    """
    _own_types.add(id(cls))
    return cls


def find_own(objects: Iterable[object]) -> list[object]:
    """Those of *objects* that are instances of own classes, or methods bound to one (as `with` leaves on its stack)."""
    objects = list(objects)
    kinds = list(map(id, map(type, objects)))
    found = list(compress(objects, map(_own_types.__contains__, kinds)))
    methods = compress(objects, map(_METHODS.__contains__, kinds))
    found.extend(method for method in methods if _is_bound_to_own(method))
    return found


def _is_bound_to_own(method: object) -> bool:
    return any(id(type(held)) in _own_types for held in gc.get_referents(method))


def parts_of(objects: Iterable[object]) -> set[int]:
    """The addresses of *objects*, own instances all, and of the containers inside them."""
    stack = list(objects)
    addresses: set[int] = set()
    while stack:
        holder = stack.pop()
        if id(holder) not in addresses and holder is not ():
            addresses.add(id(holder))
            inside = gc.get_referents(holder)
            stack.extend(held for held in inside if id(type(held)) in _PARTS or id(type(held)) in _own_types)
    return addresses
