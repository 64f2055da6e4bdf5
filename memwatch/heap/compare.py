"""The diff of two snapshots: columns in, values out."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest

from ..backend.guard import own, quiet
from ..errors import OptionError
from .change import Change, Diff, Grown, HeapState, TypeChange
from .snapshot import Snapshot

_GROWN_AT_MOST = 50
_ROWS = 4096

# Their size is fixed for life: a different one at the same address proves a different object.
_FIXED_SIZE = frozenset(("int", "float", "complex", "bytes", "tuple", "frozenset"))

Objects = dict[int, tuple[int, int]]
Columns = tuple[Sequence[int], Sequence[int], Sequence[int]]


@own
@dataclass(slots=True)
class _Tally:
    """What is added up for one type while the snapshots are gone through."""

    size_bytes: int = 0
    allocated: int = 0
    freed: int = 0
    grown: int = 0
    grown_bytes: int = 0
    stayed: bool = False

    def is_changed(self) -> bool:
        """Whether the type belongs into the diff."""
        return bool(self.allocated or self.freed or self.grown or self.size_bytes)


def diff_snapshots(before: Snapshot, after: Snapshot) -> Diff:
    """What changed from *before* to *after*. Raises OptionError where one is deep and the other is not."""
    if before.deep != after.deep:
        raise OptionError("a deep snapshot and one of tracked objects alone cannot be compared")
    labels, kinds = _join_labels(before, after)
    tallies = [_Tally() for _ in labels]
    grown: list[Grown] = []
    with quiet:
        for old, new in _pieces(before, after, kinds):
            if old == new:
                _mark_stayed(old[1], tallies)
            else:
                grown.extend(_compare(_by_address(old), _by_address(new), labels, tallies))
            if len(grown) > _ROWS:
                grown = _largest(grown)
    rows = (_row(label, tally) for label, tally in zip(labels, tallies, strict=True) if tally.is_changed())
    return Diff(_state(before), _state(after), _change(rows), tuple(_largest(grown)))


def _join_labels(before: Snapshot, after: Snapshot) -> tuple[list[str], array[int]]:
    """The labels of both, before's places first, and the kinds of *after* as places in them."""
    places = {label: place for place, label in enumerate(before.labels)}
    moved = [places.setdefault(label, len(places)) for label in after.labels]
    return list(places), array("I", map(moved.__getitem__, after.kinds))


def _pieces(before: Snapshot, after: Snapshot, kinds: array[int]) -> Iterator[tuple[Columns, Columns]]:
    """Both snapshots cut at the same addresses, so that neither's piece is longer than 4096 rows."""
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


def _mark_stayed(kinds: Iterable[int], tallies: list[_Tally]) -> None:
    for kind in set(kinds):
        tallies[kind].stayed = True


def _compare(old: Objects, new: Objects, labels: list[str], tallies: list[_Tally]) -> Iterator[Grown]:
    """Enter one piece in the tallies; yields what grew in place."""
    _mark_stayed((kind for _, (kind, _) in old.items() & new.items()), tallies)
    came = dict(new.items() - old.items())
    for address, (kind, size) in old.items() - new.items():
        tally = tallies[kind]
        now = came.get(address)
        if now is None or now[0] != kind or labels[kind] in _FIXED_SIZE:
            tally.freed += 1
            tally.size_bytes -= size
            continue
        del came[address]
        tally.stayed = True
        tally.size_bytes += now[1] - size
        if now[1] > size:
            tally.grown += 1
            tally.grown_bytes += now[1] - size
            yield Grown(labels[kind], address, size, now[1])
    for kind, size in came.values():
        tallies[kind].allocated += 1
        tallies[kind].size_bytes += size


def _largest(grown: list[Grown]) -> list[Grown]:
    return nlargest(_GROWN_AT_MOST, grown, key=lambda found: found.after_bytes - found.before_bytes)


def _row(label: str, tally: _Tally) -> TypeChange:
    return TypeChange(
        what=label,
        size_bytes=tally.size_bytes,
        allocated=tally.allocated,
        freed=tally.freed,
        exact=not tally.stayed,
        grown=tally.grown,
        grown_bytes=tally.grown_bytes,
    )


def _change(rows: Iterable[TypeChange]) -> Change:
    details = tuple(sorted(rows, key=lambda row: (-abs(row.size_bytes), row.what)))
    return Change(
        size_bytes=sum(row.size_bytes for row in details),
        allocated_nodes=sum(row.allocated for row in details),
        freed_nodes=sum(row.freed for row in details),
        details=details,
    )


def _state(snapshot: Snapshot) -> HeapState:
    return HeapState(snapshot.nodes, snapshot.size_bytes, snapshot.time)
