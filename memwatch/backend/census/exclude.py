"""Which objects a census leaves out because they are memwatch's own. census/exclude.c does the same in C."""

from __future__ import annotations

import gc
from _thread import LockType
from array import array
from collections.abc import Iterable, Sequence
from itertools import compress
from types import MethodType

from ...internal import RECORDS, TYPES, never_count
from .referents import shown_by_each

PARTS = frozenset(map(id, (list, dict, set, tuple, array, LockType)))
"""The ids of the types whose instances are left out together with the internal object that refers to them."""

_METHODS = frozenset((id(MethodType),))
_EMPTY = id(())
never_count(gc.callbacks)  # it grows with an entry while births are watched


def find_internal(objects: Sequence[object]) -> list[object]:
    """Those of *objects* that are instances of internal classes, or methods bound to one (`with` keeps such)."""
    kinds = list(map(id, map(type, objects)))
    found = list(compress(objects, map(TYPES.__contains__, kinds)))
    methods = list(compress(objects, map(_METHODS.__contains__, kinds)))
    found.extend(compress(methods, map(_has_internal, shown_by_each(methods))))
    return found


def _has_internal(objects: list[object]) -> bool:
    return any(id(type(held)) in TYPES for held in objects)


def parts_of(instances: Iterable[object]) -> set[int]:
    """The addresses of *instances*, all internal, and of the containers that each of them refers to directly.

    No deeper: the list of a walk under way holds the whole program, and what lies deeper is of an internal class
    itself. `RECORDS` are always among them.
    """
    addresses = {id(RECORDS), *map(id, RECORDS)}
    asked = list(instances)
    addresses.update(map(id, asked))
    for shown in shown_by_each(asked):
        addresses.update(id(held) for held in shown if id(type(held)) in PARTS)
    addresses.discard(_EMPTY)
    return addresses
