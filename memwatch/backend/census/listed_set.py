"""An object set made of a listing: columns sorted by address, compared piece by piece so that other threads run.

Nobody watched births: whatever stayed may have been replaced. Only for types whose size is fixed for life a different
size at the same address proves another object.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import compress, islice
from sys import getsizeof

from ...internal import internal
from ..quiet import quiet
from .contract import GROWN_FROM, Grown, Listing, TypeTurnover

_ROWS = 4096

# Their size is fixed for life: a different one at the same address proves a different object.
_FIXED_SIZE = frozenset(("int", "float", "complex", "bytes", "tuple", "frozenset"))

Objects = dict[int, tuple[int, int]]
Columns = tuple[Sequence[int], Sequence[int], Sequence[int]]


@internal
class ListedObjectSet:
    """Which objects there were, as `contract.ObjectSet` says; about 16 bytes for each."""

    __slots__ = ("_counts", "_listing", "_sizes", "deep", "pause_seconds")

    def __init__(self, listing: Listing, deep: bool, pause_seconds: float) -> None:
        self._listing = listing
        self.deep, self.pause_seconds = deep, pause_seconds
        # arrays, not lists: an int of the interpreter's own would come into view by standing in a list
        self._counts = array("Q", bytes(8 * len(listing.labels)))
        self._sizes = array("Q", bytes(8 * len(listing.labels)))
        for kind, size in zip(listing.kinds, listing.sizes, strict=True):
            self._counts[kind] += 1
            self._sizes[kind] += size

    @property
    def totals(self) -> Mapping[str, tuple[int, int]]:
        """By type label: how many objects, and their bytes together; made anew, since what is kept is numbers alone."""
        rows = zip(self._listing.labels, self._counts, self._sizes, strict=True)
        return {label: (count, size) for label, count, size in rows if count}

    @property
    def nodes(self) -> int:
        """The number of objects."""
        return len(self._listing.addresses)

    @property
    def nbytes(self) -> int:
        """The bytes that the columns and the labels take."""
        listing = self._listing
        columns = (listing.addresses, listing.kinds, listing.sizes, listing.labels, self._counts, self._sizes)
        return sum(map(getsizeof, columns)) + sum(map(getsizeof, listing.labels))

    @property
    def mapped_bytes(self) -> int:
        """None: the columns are arrays."""
        return 0

    def contains(self, address: int, label: str) -> bool:
        """Whether an object of that type was at that address."""
        return self.label_at(address) == label

    def label_at(self, address: int) -> str | None:
        """The type label of the object that was at that address; None if there was none."""
        listing = self._listing
        row = bisect_left(listing.addresses, address)
        found = row < self.nodes and listing.addresses[row] == address
        return listing.labels[listing.kinds[row]] if found else None

    def addresses(self) -> array[int]:
        """The objects' addresses, sorted; not to be changed."""
        return self._listing.addresses

    def release(self) -> None:
        """Nothing: births are not watched."""

    def compare(self, after: ListedObjectSet) -> tuple[Mapping[str, TypeTurnover], tuple[Grown, ...]]:
        """What happened, as `contract.ObjectSet` says; all that stayed is doubtful."""
        labels, pieces = self._beside(after)
        tallies = [_Tally() for _ in labels]
        grown: list[Grown] = []
        with quiet:
            for old, new in pieces:
                if old == new:
                    for kind in old[1]:
                        tallies[kind].stayed += 1
                else:
                    grown.extend(_compare(_by_address(old), _by_address(new), labels, tallies))
        rows = zip(labels, map(_Tally.turnover, tallies), strict=True)
        return {label: row for label, row in rows if row.allocated or row.freed or row.doubtful}, tuple(grown)

    def came(self, after: ListedObjectSet, labels: Collection[str]) -> array[int]:
        """What is no survivor, as `contract.ObjectSet` says."""
        all_labels, pieces = self._beside(after)
        wanted = {place for place, label in enumerate(all_labels) if label in labels}
        found = array("Q")
        with quiet:
            for old, new in pieces:
                if old != new:
                    before = _by_address(old)
                    found.fromlist(
                        [
                            address
                            for address, kind, size in zip(*new, strict=True)
                            if kind in wanted and not _survives(before.get(address), kind, size, all_labels)
                        ]
                    )
        return found

    def _beside(self, after: ListedObjectSet) -> tuple[list[str], Iterator[tuple[Columns, Columns]]]:
        """The labels of both, one's own places first; and both cut into pieces whose kinds are places in them."""
        places = {label: place for place, label in enumerate(self._listing.labels)}
        moved = [places.setdefault(label, len(places)) for label in after._listing.labels]
        kinds = array("I", map(moved.__getitem__, after._listing.kinds))
        return list(places), _pieces(self._listing, after._listing, kinds)


@internal
class Counted:
    """An object set of which only the totals are known, and not which objects survived. Of each type at least the
    difference came or went, and at most everything."""

    __slots__ = ("_labels", "_numbers", "deep", "pause_seconds")

    def __init__(self, totals: Mapping[str, tuple[int, int]], deep: bool, pause_seconds: float) -> None:
        self.deep, self.pause_seconds = deep, pause_seconds
        self._labels = tuple(totals)
        self._numbers = array("Q", (number for row in totals.values() for number in row))

    @property
    def totals(self) -> Mapping[str, tuple[int, int]]:
        """By type label: how many objects, and their bytes together."""
        counts, sizes = islice(self._numbers, 0, None, 2), islice(self._numbers, 1, None, 2)
        return dict(zip(self._labels, zip(counts, sizes, strict=True), strict=True))

    @property
    def nodes(self) -> int:
        """The number of objects."""
        return sum(islice(self._numbers, 0, None, 2))

    @property
    def nbytes(self) -> int:
        """The bytes that the numbers and the labels take."""
        return sum(map(getsizeof, (self._numbers, self._labels, *self._labels)))

    @property
    def mapped_bytes(self) -> int:
        """None: the columns are arrays."""
        return 0

    def contains(self, address: int, label: str) -> bool:
        """Never: no address is known."""
        return False

    def label_at(self, address: int) -> str | None:
        """None: no address is known."""
        return None

    def addresses(self) -> array[int]:
        """None."""
        return array("Q")

    def release(self) -> None:
        """Nothing: births are not watched."""

    def compare(self, after: Counted) -> tuple[Mapping[str, TypeTurnover], tuple[Grown, ...]]:
        """What must have happened at least, and may have at most; what grew in place is not known."""
        before, now = self.totals, after.totals
        rows: dict[str, TypeTurnover] = {}
        for label in {**before, **now}:
            then, since = before.get(label, (0, 0))[0], now.get(label, (0, 0))[0]
            rows[label] = TypeTurnover(max(since - then, 0), max(then - since, 0), min(then, since))
        return rows, ()

    def came(self, after: Counted, labels: Collection[str]) -> array[int]:
        """None: no address is known."""
        return array("Q")


@internal
class _Tally:
    """What is added up for one type while the columns are gone through."""

    __slots__ = ("allocated", "freed", "stayed")

    def __init__(self) -> None:
        self.allocated = self.freed = self.stayed = 0

    def turnover(self) -> TypeTurnover:
        """The sums as a value."""
        return TypeTurnover(self.allocated, self.freed, self.stayed)


def _pieces(before: Listing, after: Listing, kinds: array[int]) -> Iterator[tuple[Columns, Columns]]:
    """Both listings cut at the same addresses, so that neither's piece is longer than 4096 rows."""
    old, new = before.addresses, after.addresses
    i = j = 0
    while i < len(old) or j < len(new):
        limits = [column[at + _ROWS] for column, at in ((old, i), (new, j)) if at + _ROWS < len(column)]
        i_end = bisect_left(old, min(limits), i) if limits else len(old)
        j_end = bisect_left(new, min(limits), j) if limits else len(new)
        yield (
            (old[i:i_end], before.kinds[i:i_end], before.sizes[i:i_end]),
            (new[j:j_end], kinds[j:j_end], after.sizes[j:j_end]),
        )
        i, j = i_end, j_end


def _by_address(columns: Columns) -> Objects:
    addresses, kinds, sizes = columns
    return dict(zip(addresses, zip(kinds, sizes, strict=True), strict=True))


def _survives(before: tuple[int, int] | None, kind: int, size: int, labels: Sequence[str]) -> bool:
    """Whether an object may be what was at its address before."""
    if before is None or before[0] != kind:
        return False
    return before[1] == size or labels[kind] not in _FIXED_SIZE


def _compare(old: Objects, new: Objects, labels: Sequence[str], tallies: Sequence[_Tally]) -> Iterator[Grown]:
    """Enter one piece in the tallies; yields what grew in place."""
    for kind, _ in compress(new.values(), map(old.items().__contains__, new.items())):
        tallies[kind].stayed += 1
    came = dict(new.items() - old.items())
    for address, (kind, size) in old.items() - new.items():
        now = came.get(address)
        if now is None or not _survives((kind, size), *now, labels):
            tallies[kind].freed += 1
            continue
        del came[address]
        tallies[kind].stayed += 1
        if now[1] > size and now[1] >= GROWN_FROM:
            yield Grown(labels[kind], address, size, now[1])
    for kind, _ in came.values():
        tallies[kind].allocated += 1
