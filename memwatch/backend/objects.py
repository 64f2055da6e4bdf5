"""The contract of a backend's census: what it is asked, what it gives; here the chosen one is bound.

`count_objects` and `list_objects` take:
  deep      False: the objects that the collector tracks. True: also what is reachable from them, each object once.
  exclude   objects to leave out, with what is reachable through them alone.
  give_up   asked about every 2000 objects; when it answers True the walk ends with `GaveUp`.
Neither calls code of a user's object, and nothing that they return holds one.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from . import name
from .guard import GaveUp, own

__all__ = ["Backend", "GaveUp", "Listing", "count_objects", "list_objects"]


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
    """What `_pure` fulfils, and `_native` where it is built."""

    def count_objects(
        self, deep: bool, exclude: Sequence[object], give_up: Callable[[], bool] | None
    ) -> Mapping[str, tuple[int, int]]:
        """By type label: how many objects, and their bytes together."""

    def list_objects(self, deep: bool, exclude: Sequence[object], give_up: Callable[[], bool] | None) -> Listing:
        """Every object with its type and size."""


_chosen = cast(Backend, import_module(f".{'_native' if name == 'native' else '_pure'}", __package__))
count_objects = _chosen.count_objects
list_objects = _chosen.list_objects
