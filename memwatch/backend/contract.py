"""The contract of a backend's census: what it is asked and what it gives."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..errors import MemwatchError
from .guard import own

GiveUp = Callable[[], bool] | None


class GaveUp(MemwatchError):
    """A walk ended early because its `give_up` said so; nothing was kept of it."""


@own
@dataclass(frozen=True, slots=True)
class Listing:
    """Each object of the heap as three columns of one length, sorted by address.

    `addresses` is array("Q"); `kinds` array("I"), the place of the object's type label in `labels`; `sizes` holds
    shallow bytes, in array("I") or, where one object passes 4 GiB, array("Q").
    """

    labels: tuple[str, ...]
    addresses: array[int]
    kinds: array[int]
    sizes: array[int]


class Backend(Protocol):
    """Two walks over the heap. Neither runs code of a user's object, and nothing that they give holds one.

    The backends agree on objects and labels. Bytes are what the allocator gave where the backend can tell, and else
    what sys.getsizeof says, which leaves out what stands before an object and the values of its attributes.

    deep      False: the objects that the collector tracks. True: also what is reachable from them, each object once.
    exclude   objects that are not counted and whose references are not followed.
    give_up   asked about every 2000 objects, or before and after a walk that holds the interpreter from end to end;
              when it answers True the walk ends with `GaveUp`.
    """

    def expected_pause(self, objects: int, deep: bool) -> float:
        """Seconds that a walk over a heap of so many objects is expected to hold the interpreter at once."""

    def expected_time(self, objects: int, deep: bool) -> float:
        """Seconds that such a walk is expected to take from its begin to its end."""

    def count_objects(self, deep: bool, exclude: Sequence[object], give_up: GiveUp) -> Mapping[str, tuple[int, int]]:
        """By type label: how many objects, and their bytes together."""

    def list_objects(self, deep: bool, exclude: Sequence[object], give_up: GiveUp) -> Listing:
        """Every object with its type and size."""
