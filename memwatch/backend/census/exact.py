"""The census by the C extension: one walk that holds the GIL from end to end, so that nothing changes meanwhile.

A million objects take about a tenth of a second. Inside the walk no code of the program runs and nothing is allocated,
so `should_cancel` is called only before and after it; a caller with a pause budget asks `expected_pause` first. While
the collector runs, its lists are apart: then the census is refused. Sizes are the bytes that the allocator gave. Frozen
objects are always found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...errors import UnsupportedError
from ...internal import RECORDS, TYPES, internal
from .. import _native
from ..holds import Hold, note_hold
from ..type_labels import type_label
from .arrays import tried_array_type
from .contract import Cancelled, Listing, Look, ShouldCancel
from .exclude import PARTS
from .object_set import ObjectSet, copy_column

if TYPE_CHECKING:
    from .._native import SearchRequest

_DEEP_SECONDS = 1.5e-7  # an object, listed, in scattered memory and on a busy machine
_SHALLOW_SECONDS = 5e-8
PAGE_BYTES = 4096

_CHILD_SECONDS = 60.0  # a walk over some hundred million objects


def count_objects(deep: bool, exclude: Sequence[object], should_cancel: ShouldCancel) -> Mapping[str, tuple[int, int]]:
    """By type label the number of objects and their bytes, as `contract.Backend` says."""
    _prepare(should_cancel)
    with Hold():
        totals = _native.count(deep, TYPES, PARTS, RECORDS, exclude)
    if totals is None:
        raise Cancelled("the collector is at work; a census has to wait for its end")
    _ask(should_cancel, "after the walk")
    counted: dict[str, tuple[int, int]] = {}
    for cls, count, size, _ in totals:
        label = type_label(cls)
        count_before, size_before = counted.get(label, (0, 0))
        counted[label] = count_before + count, size_before + size
    return counted


def count_in_child(
    deep: bool, exclude: Sequence[object], should_cancel: ShouldCancel, patience: float = _CHILD_SECONDS
) -> tuple[Mapping[str, tuple[int, int]], float]:
    """What `count_objects` gives, by a forked child; and the seconds that its making held the program up.

    An object whose size a C method of its type tells is counted without its buffers, but for deque, OrderedDict and
    numpy's arrays.
    Linux only; `UnsupportedError` where there can be no child, or it has not answered within *patience* seconds.
    """
    _prepare(should_cancel)
    try:
        answer = _native.count_in_child(deep, TYPES, PARTS, RECORDS, exclude, patience)
    except (OSError, RuntimeError) as refused:
        raise UnsupportedError(f"the census cannot be taken in a forked child: {refused}") from None
    if answer is None:
        raise Cancelled("the collector is at work; a census has to wait for its end")
    _ask(should_cancel, "after the walk")
    counted: dict[str, tuple[int, int]] = {}
    totals, pause = answer
    for label, count, size, _ in totals:
        count_before, size_before = counted.get(label, (0, 0))
        counted[label] = count_before + count, size_before + size
    return counted, pause


def look_in_child(
    exclude: Sequence[object],
    should_cancel: ShouldCancel,
    known: ObjectSet | None,
    question: SearchRequest | None,
    patience: float,
) -> Look:
    """As `child.look_in_child` says."""

    def ask() -> None:
        _ask(should_cancel, "while a child counted")

    _prepare(should_cancel)
    before = None if known is None else known._snapshot
    try:
        answer = _native.look_in_child(True, TYPES, PARTS, RECORDS, exclude, patience, ask, before, question)
    except (OSError, RuntimeError) as refused:
        raise UnsupportedError(f"no look in a forked child: {refused}") from None
    if answer is None:
        raise Cancelled("the collector is at work; a census has to wait for its end")
    snapshot, totals, found, pause, price, work, faults = answer
    note_hold(pause, price)
    places, by_root = found or ([], [])
    copied = faults * PAGE_BYTES
    return Look(ObjectSet(snapshot, totals, True, pause), places, by_root, pause, price, work, copied)


def list_objects(deep: bool, exclude: Sequence[object], should_cancel: ShouldCancel) -> Listing:
    """Each object with its type and size, as `contract.Backend` says."""
    _prepare(should_cancel)
    labels = _Labels()
    with Hold():
        columns = _native.listing(deep, TYPES, PARTS, RECORDS, exclude, labels.number, copy_column)
    if columns is None:
        raise Cancelled("the collector is at work; a census has to wait for its end")
    _ask(should_cancel, "after the walk")
    return Listing(tuple(labels.places), *columns)


def take_identity(
    deep: bool,
    exclude: Sequence[object],
    should_cancel: ShouldCancel,
    births: bool = False,
    since: ObjectSet | None = None,
) -> ObjectSet:
    """Which objects there are, as `contract.Backend` says: three to five bytes an object."""
    _prepare(should_cancel)
    earlier = since._snapshot if since is not None else None
    with Hold() as hold:
        taken = _native.snapshot(deep, TYPES, PARTS, RECORDS, exclude, births, earlier)
    if taken is None:
        raise Cancelled("the collector is at work; a census has to wait for its end")
    _ask(should_cancel, "after the walk")
    return ObjectSet(*taken, deep, hold.seconds)


def expected_pause(objects: int, deep: bool) -> float:
    """As in `contract.Backend`: the whole walk is one pause."""
    return objects * (_DEEP_SECONDS if deep else _SHALLOW_SECONDS)


expected_time = expected_pause


def _prepare(should_cancel: ShouldCancel) -> None:
    _ask(should_cancel, "before the walk")
    _native.know_arrays(tried_array_type())


def _ask(should_cancel: ShouldCancel, when: str) -> None:
    if should_cancel is not None and should_cancel():
        raise Cancelled(f"gave up {when}")


@internal
class _Labels:
    """The labels of the types met, each with its place; types of one label share it."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def number(self, types: list[type]) -> list[int]:
        """The place of each type's label."""
        return [self.places.setdefault(type_label(cls), len(self.places)) for cls in types]
