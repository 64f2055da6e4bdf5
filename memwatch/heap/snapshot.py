"""The identity snapshot: which objects there are, of which type and size, without holding any of them."""

from __future__ import annotations

import sys
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..backend.guard import own
from ..backend.objects import list_objects


@own
@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every object at one moment, as columns sorted by address; only numbers and type labels, nothing of the program.

    `time` is seconds since the epoch. `kinds` holds places in `labels`, `sizes` shallow bytes. A walk takes a while,
    so objects of other threads that come and go meanwhile are in it or not.
    """

    time: float
    deep: bool
    labels: tuple[str, ...]
    addresses: array[int]
    kinds: array[int]
    sizes: array[int]
    size_bytes: int

    @property
    def nodes(self) -> int:
        """The number of objects."""
        return len(self.addresses)

    @property
    def nbytes(self) -> int:
        """The memory that the snapshot itself keeps, in bytes: about 16 for an object, and the labels."""
        columns = (self.addresses, self.kinds, self.sizes, self.labels)
        return sum(map(sys.getsizeof, columns)) + sum(map(sys.getsizeof, self.labels))

    def contains(self, address: int, label: str) -> bool:
        """Whether an object of that type was at that address."""
        row = bisect_left(self.addresses, address)
        return row < self.nodes and self.addresses[row] == address and self.labels[self.kinds[row]] == label


def take_snapshot(
    deep: bool = True, exclude: Sequence[object] = (), give_up: Callable[[], bool] | None = None
) -> Snapshot:
    """Walk the heap and note each object's address, type and size.

    With *deep* off only the objects that the collector tracks: neither str nor bytes nor numbers. The objects in
    *exclude* are left out. *give_up* is asked about every 2000 objects; `GaveUp` is raised once it answers True.
    """
    taken_at = time.time()
    listing = list_objects(deep, exclude, give_up)
    columns = (listing.labels, listing.addresses, listing.kinds, listing.sizes)
    return Snapshot(taken_at, deep, *columns, size_bytes=sum(listing.sizes))
