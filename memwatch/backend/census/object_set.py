"""The object set that the C extension takes: the objects at one moment, and what became of them."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping, Sequence
from math import exp
from typing import Any

from ...internal import internal
from .. import _native
from ..type_labels import type_label
from .contract import Grown, TypeTurnover

_ERROR = 1e-4  # how often an interval may be too narrow, because two contents have the same hash by chance

Rows = Sequence[tuple[type | str, int, int, int]]
"""A type or its label, how many objects, their bytes, and the number that the snapshot has for it."""


def copy_column(code: str, column: memoryview) -> array[int]:
    """An array of that typecode with the numbers of *column*."""
    made: array[int] = array(code)
    made.frombytes(column)
    return made


@internal
class ObjectSet:
    """As `contract.ObjectSet` says. What it keeps lies in fields that a census leaves out, no container deeper."""

    __slots__ = ("_labels", "_snapshot", "_totals", "deep", "pause_seconds")

    def __init__(self, snapshot: _native.Snapshot, rows: Rows, deep: bool, pause_seconds: float) -> None:
        self._snapshot = snapshot
        # By a type's number, "" where it has no objects. A dict would bring its keys into view, the interpreter's ints.
        self._labels = [""] * (max([number for *_, number in rows], default=0) + 1)
        self.deep = deep
        self.pause_seconds = pause_seconds
        self._totals = array("Q")
        for cls, count, size, number in rows:
            found: Any = cls
            self._labels[number] = found if type(found) is str else type_label(found)
            self._totals.extend((number, count, size))

    @property
    def totals(self) -> Mapping[str, tuple[int, int]]:
        """By type label the number of objects and their bytes."""
        totals: dict[str, tuple[int, int]] = {}
        columns = (self._totals[start::3] for start in range(3))
        for number, count, size in zip(*columns, strict=True):
            label = self._labels[number]
            count_before, size_before = totals.get(label, (0, 0))
            totals[label] = count_before + count, size_before + size
        return totals

    @property
    def nodes(self) -> int:
        """The number of objects."""
        return len(self._snapshot)

    @property
    def nbytes(self) -> int:
        """Bytes kept for the objects; the labels come on top."""
        return self._snapshot.nbytes

    @property
    def mapped_bytes(self) -> int:
        """All of them."""
        return self._snapshot.nbytes

    def contains(self, address: int, label: str) -> bool:
        """Whether an object of that type was at that address."""
        return self.label_at(address) == label

    def label_at(self, address: int) -> str | None:
        """The type label of the object that was at that address; None if there was none."""
        number = self._snapshot.number(address)
        return None if number is None else self._labels[number]

    def addresses(self) -> array[int]:
        """The objects' addresses, sorted; without those that are known to have been replaced since."""
        return self._snapshot.addresses(copy_column)

    def compare(self, after: ObjectSet) -> tuple[Mapping[str, TypeTurnover], tuple[Grown, ...]]:
        """By label what came, went or is doubtful, and which containers grew in place."""
        places: dict[str, int] = {}
        numbers, numbers_after = self._places(places), after._places(places)
        rows, grown = self._snapshot.compare(after._snapshot, numbers, numbers_after, len(places))
        bits, totals = self._snapshot.hash_bits, self.totals
        turnovers = {
            label: _turnover(row, totals[label][0] if label in totals else 0, bits)
            for label, row in zip(places, rows, strict=True)
            if any(row[:3])
        }
        labels = list(places)
        return turnovers, tuple(Grown(labels[place], *sizes) for place, *sizes in grown)

    def came(self, after: ObjectSet, labels: Collection[str]) -> array[int]:
        """The addresses in *after* of objects with one of *labels* that are known to have come, sorted."""
        places: dict[str, int] = {}
        numbers, numbers_after = self._places(places), after._places(places)
        wanted = bytes(label in labels for label in places)
        return self._snapshot.came(after._snapshot, numbers, numbers_after, wanted, copy_column)

    def release(self) -> None:
        """Stop to watch births; may be called again."""
        self._snapshot.release()

    def _places(self, places: dict[str, int]) -> list[int]:
        """For each number of a type the place of its label; 0 for one that no object has."""
        return [places.setdefault(label, len(places)) if label else 0 for label in self._labels]


def _turnover(row: tuple[int, int, int, int], count: int, bits: int) -> TypeTurnover:
    """The turnover of one label, of which there were *count*, with as much doubt as content hashes of *bits* bits
    leave."""
    allocated, freed, doubtful, by_hash = row
    survived = count - freed - doubtful
    missed = min(survived, _most_by_chance(by_hash / 2**bits)) if bits else 0
    return TypeTurnover(allocated, freed, doubtful + missed)


def _most_by_chance(expected: float) -> int:
    """The number that a Poisson variable passes once in `1 / _ERROR` times at most."""
    number, left, term = 0, 1.0, exp(-expected)
    while (left := left - term) > _ERROR:
        number += 1
        term *= expected / number
    return number
