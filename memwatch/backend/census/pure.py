"""The census in Python alone: the collector's list and, for what it does not track, gc.get_referents().

The work runs in slices of 2000 objects, each a handful of calls into C, so that other threads run in between. An
object may therefore come or go while the walk is under way: it is then counted or not, and nothing worse. The walk
holds the tracked objects that it has not yet visited (a slice is let go as soon as it is done), keeps addresses, and
never materialises an instance's `__dict__`. Between two slices it holds objects in its own lists alone, which a forked
child can empty, and lets other threads fork. A frozen object (gc.freeze) is found if it is reachable from the modules
or from a tracked object; one that only a running function's variable holds is found if it is tracked.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, compress
from types import CodeType

import objgraph

from ...internal import internal
from ..quiet import quiet
from ..type_labels import KindTable
from .arrays import contents_of_arrays
from .columns import sort_listing
from .contract import Listing, ShouldCancel
from .exclude import find_internal, parts_of
from .listed_set import ListedObjectSet
from .referents import parts_of_code, referents_of
from .roots import roots
from .tracked_walk import SLICE, TrackedWalk

_LIST_SECONDS = 1.3e-7  # a tracked object, in `tracked.list_tracked`, which cannot be interrupted
_DEEP_SECONDS = 1.5e-6  # an object of the heap, in a whole walk
_SHALLOW_SECONDS = 3e-7
_TRACKED_SHARE = 1 / 3  # of a heap's objects, as a rule

Visit = Callable[[list[int], list[object], list[int]], None]
VisitTuples = Callable[[list[int], list[int]], None]


def list_objects(deep: bool, exclude: Sequence[object], should_cancel: ShouldCancel) -> Listing:
    """Each object with its type and size, as `contract.Backend` says."""
    return _list_objects(deep, exclude, should_cancel)[0]


def take_identity(
    deep: bool,
    exclude: Sequence[object],
    should_cancel: ShouldCancel,
    births: bool = False,
    since: ListedObjectSet | None = None,
) -> ListedObjectSet:
    """Which objects there are, as `contract.Backend` says; births cannot be watched from Python."""
    listing, pause_seconds = _list_objects(deep, exclude, should_cancel)
    return ListedObjectSet(listing, deep, pause_seconds)


def _list_objects(deep: bool, exclude: Sequence[object], should_cancel: ShouldCancel) -> tuple[Listing, float]:
    """The listing, and for how long taking it held the interpreter."""
    with quiet, DeepWalk(exclude, should_cancel) as walk:
        lister = _Lister(walk.table)
        walk.run(deep, lister.visit, lister.visit_tuples)
        walk.release()
        return sort_listing(lister.met, tuple(walk.table.labels), should_cancel), walk.pause_seconds


def count_objects(deep: bool, exclude: Sequence[object], should_cancel: ShouldCancel) -> Mapping[str, tuple[int, int]]:
    """By type label the number of objects and their bytes, as `contract.Backend` says.

    objgraph counts every type that it can name without running a user's code; the few others are counted here.
    """
    with quiet, DeepWalk(exclude, should_cancel) as walk:
        counter = _Counter(walk.table)
        walk.run(deep, counter.visit, counter.visit_tuples)
        return {label: (count, counter.sizes[label]) for label, count in counter.counts.items()}


def expected_pause(objects: int, deep: bool) -> float:
    """What lists the tracked objects is one call, as `contract.Backend` says; the rest runs in slices."""
    return objects * _TRACKED_SHARE * _LIST_SECONDS


def expected_time(objects: int, deep: bool) -> float:
    """From the first slice to the last, as `contract.Backend` says."""
    return objects * (_DEEP_SECONDS if deep else _SHALLOW_SECONDS)


# Classes, not closures: a closure's cells are made before the list of objects is, and would be counted.


@internal
class _Lister:
    """Enters what the walk visits in a listing, not sorted yet."""

    __slots__ = ("_table", "met")

    def __init__(self, table: KindTable) -> None:
        self._table = table
        self.met = Listing((), array("Q"), array("I"), array("Q"))

    def visit(self, ids: list[int], objects: list[object], type_ids: list[int]) -> None:
        """Take a slice of the heap."""
        self.met.addresses.fromlist(ids)
        self.met.kinds.fromlist(self._table.places(type_ids))
        self.met.sizes.fromlist(self._table.sizes(objects, type_ids))

    def visit_tuples(self, ids: list[int], sizes: list[int]) -> None:
        """Take tuples of which no more is known."""
        self.met.addresses.fromlist(ids)
        self.met.kinds.fromlist(self._table.places(self._table.ids([()])) * len(ids))
        self.met.sizes.fromlist(sizes)


@internal
class _Counter:
    """Adds up what the walk visits, by type label."""

    __slots__ = ("_table", "counts", "sizes")

    def __init__(self, table: KindTable) -> None:
        self._table = table
        self.counts: dict[str, int] = {}
        self.sizes: dict[str, int] = {}

    def visit(self, _: list[int], objects: list[object], type_ids: list[int]) -> None:
        """Take a slice of the heap."""
        table, plain = self._table, self._table.plain
        named = objgraph.typestats(objects, shortnames=False, filter=table.is_plain)
        for name, count in named.items():
            _add(self.counts, name.removeprefix("builtins."), count)
        labels = map(table.labels.__getitem__, table.places(type_ids))
        for label, type_id, size in zip(labels, type_ids, table.sizes(objects, type_ids), strict=True):
            _add(self.sizes, label, size)
            if type_id not in plain:
                _add(self.counts, label, 1)

    def visit_tuples(self, ids: list[int], sizes: list[int]) -> None:
        """Take tuples of which no more is known."""
        _add(self.counts, "tuple", len(ids))
        _add(self.sizes, "tuple", sum(sizes))


def _add(totals: dict[str, int], label: str, amount: int) -> None:
    totals[label] = totals.get(label, 0) + amount


@internal
class DeepWalk(TrackedWalk):
    """One visit to every object, also to those that the collector does not track."""

    __slots__ = ("_referents", "_seen", "_stack", "table")

    def __init__(self, exclude: Sequence[object], should_cancel: ShouldCancel) -> None:
        self._seen: set[int] = set()
        self._stack: list[list[object]] = []
        self._referents: list[object] = []
        self.table = KindTable()
        super().__init__(exclude, should_cancel)

    def release(self) -> None:
        """Drop every reference and address that the walk holds."""
        super().release()
        self._referents.clear()
        self._stack.clear()
        self._seen.clear()
        self.table.release()

    def run(self, deep: bool, visit: Visit, visit_tuples: VisitTuples) -> None:
        """Call *visit* with addresses, objects and their types' addresses, a slice at a time, each object once; and
        *visit_tuples* with addresses and sizes of the tuples that nobody was seen to hold.
        """
        hidden = self.hidden()
        if deep:
            self._seen.update(hidden)
            for batch in self.slices():
                self._seen.update(map(id, batch))
            self.batch[:] = [roots()]
            self._follow(self.batch, visit)
        for batch in self.drain():
            ids = list(map(id, batch))
            if not hidden.isdisjoint(ids):
                batch[:] = [it for it in batch if id(it) not in hidden]
                ids = list(map(id, batch))
            visit(ids, batch, self.table.ids(batch))
            if deep:
                self._follow(batch, visit)
        visit_tuples(*self._left_over(hidden))

    def _left_over(self, hidden: set[int]) -> tuple[list[int], list[int]]:
        """Addresses and sizes of the tuples with one owner that were not met."""
        known, addresses = hidden | self._seen, self.tracked.lone_addresses
        left = [address not in known for address in addresses]
        return list(compress(addresses, left)), list(compress(self.tracked.lone_sizes, left))

    def _follow(self, batch: list[object], visit: Visit) -> None:
        """Visit what is reachable from *batch* and neither tracked nor seen before, without recursion."""
        stack = self._stack = [batch]
        _push_hidden(stack, batch)
        while stack:
            referents = self._referents = referents_of(stack.pop())
            for start in range(0, len(referents), SLICE):
                self.check()
                self._visit_fresh(self._unseen(referents[start : start + SLICE]), stack, visit)

    def _visit_fresh(self, fresh: dict[int, object], stack: list[list[object]], visit: Visit) -> None:
        """Visit objects met for the first time, and put those that refer to others on the stack."""
        objects = list(fresh.values())
        own_parts = parts_of(find_internal(objects))
        if not own_parts.isdisjoint(fresh):
            self._seen.update(own_parts)
            objects = [it for it in objects if id(it) not in own_parts]
        type_ids = self.table.ids(objects)
        visit(list(map(id, objects)), objects, type_ids)
        _push(stack, list(compress(objects, map(self.table.referring.__contains__, type_ids))))
        _push_hidden(stack, objects)

    def _unseen(self, objects: list[object]) -> dict[int, object]:
        """By address those of *objects* that were not seen before; from now on they are."""
        seen = self._seen
        unseen = [it for it in objects if id(it) not in seen]
        fresh = dict(zip(map(id, unseen), unseen, strict=True))
        seen.update(fresh)
        return fresh


def _push_hidden(stack: list[list[object]], objects: Sequence[object]) -> None:
    """Put a list on the stack that refers to what the arrays and the code among *objects* hold."""
    held = contents_of_arrays(objects)
    held.extend(chain.from_iterable(map(parts_of_code, [it for it in objects if type(it) is CodeType])))
    if held:
        stack.append([held])


def _push(stack: list[list[object]], objects: list[object]) -> None:
    """Put *objects* on the stack, together with the slice on top where both are small."""
    if stack and len(stack[-1]) + len(objects) <= SLICE:
        stack[-1].extend(objects)
    elif objects:
        stack.append(objects)
