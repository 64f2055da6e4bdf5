"""The snapshot: which objects there are at a moment, without holding any of them."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..backend.census.chosen import take_identity
from ..backend.census.contract import ObjectSet
from ..backend.meters.resident import read_resident
from ..internal import internal


@internal
@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every object at one moment; only numbers and type labels, nothing of the program.

    `time` is seconds since the epoch, `identity` what the backend keeps. A walk in Python takes a while, so objects of
    other threads that come and go meanwhile are in it or not. The collection before it took `collect_seconds`. `rss` is
    the resident memory of the process: of the first of two snapshots after its walk, of the second before that, so
    that what a snapshot keeps is in both; 0 where it is not known.
    """

    time: float
    deep: bool
    identity: ObjectSet
    collect_seconds: float = 0.0
    rss: int = 0

    @property
    def nodes(self) -> int:
        """The number of objects."""
        return self.identity.nodes

    @property
    def size_bytes(self) -> int:
        """The shallow bytes of all objects."""
        return sum(size for _, size in self.identity.totals.values())

    @property
    def nbytes(self) -> int:
        """The memory that the snapshot itself keeps, in bytes."""
        return self.identity.nbytes

    @property
    def pause_seconds(self) -> float:
        """For how long taking it held the interpreter at once."""
        return self.identity.pause_seconds

    @property
    def addresses(self) -> array[int]:
        """The addresses of the objects, sorted."""
        return self.identity.addresses()

    def contains(self, address: int, label: str) -> bool:
        """Whether an object of that type was at that address."""
        return self.identity.contains(address, label)


def take_snapshot(
    deep: bool = True,
    exclude: Sequence[object] = (),
    should_cancel: Callable[[], bool] | None = None,
    births: bool = False,
    since: Snapshot | None = None,
    collect_seconds: float = 0.0,
) -> Snapshot:
    """Walk the heap and note which objects there are.

    With *deep* off only the objects that the collector tracks: neither str nor bytes nor numbers. The objects in
    *exclude* are left out. *should_cancel* is asked about every 2000 objects; `Cancelled` is raised once it answers
    True. With *births* what is born from now on is watched, where the backend can, until a snapshot is taken *since*
    this one, or its identity is released. *collect_seconds* is noted.
    """
    taken_at, rss = time.time(), 0 if since is None else read_resident()
    identity = take_identity(deep, exclude, should_cancel, births, None if since is None else since.identity)
    return Snapshot(taken_at, deep, identity, collect_seconds, rss or read_resident())


def snapshot_of(identity: ObjectSet) -> Snapshot:
    """The snapshot that a forked child has just taken."""
    return Snapshot(time.time(), identity.deep, identity)
