"""The diff of two snapshots as values: rows that add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest

from ..backend.census.contract import Grown, TypeTurnover
from ..errors import OptionError
from .change import Change, Diff, HeapState, TypeChange
from .counts import make_count
from .snapshot import Snapshot

_GROWN_AT_MOST = 50
_NOTHING = TypeTurnover(0, 0, 0)


def diff_snapshots(before: Snapshot, after: Snapshot, missing: tuple[str, ...] = ()) -> Diff:
    """What changed from *before* to *after*; *missing* is what was left out, in words.

    Raises OptionError where one is deep and the other is not.
    """
    if before.deep != after.deep:
        raise OptionError("a deep snapshot and one of tracked objects alone cannot be compared")
    turnovers, grown = before.identity.compare(after.identity)
    rows = _rows(before, after, turnovers, grown)
    return Diff(_state(before), _state(after), _change(rows, turnovers), tuple(_largest(grown)), missing)


def _rows(
    before: Snapshot, after: Snapshot, turnovers: Mapping[str, TypeTurnover], grown: Iterable[Grown]
) -> list[TypeChange]:
    """A row for each type of which something is known to have changed."""
    sizes, sizes_after = before.identity.totals, after.identity.totals
    growth = _growth(grown)
    rows: list[TypeChange] = []
    for label in {**sizes, **sizes_after}:
        turnover, (count, by) = turnovers.get(label, _NOTHING), growth.get(label, (0, 0))
        size = sizes_after.get(label, (0, 0))[1] - sizes.get(label, (0, 0))[1]
        if turnover.allocated or turnover.freed or count or size:
            rows.append(_row(label, size, turnover, count, by))
    return rows


def _row(label: str, size: int, turnover: TypeTurnover, grown: int, grown_bytes: int) -> TypeChange:
    return TypeChange(
        what=label,
        size_bytes=size,
        allocated=make_count(turnover.allocated, turnover.doubtful),
        freed=make_count(turnover.freed, turnover.doubtful),
        exact=not turnover.doubtful,
        grown=grown,
        grown_bytes=grown_bytes,
    )


def _growth(grown: Iterable[Grown]) -> dict[str, tuple[int, int]]:
    """By label how many grew, and by how much."""
    sums: dict[str, tuple[int, int]] = {}
    for found in grown:
        count, by = sums.get(found.what, (0, 0))
        sums[found.what] = count + 1, by + found.after_bytes - found.before_bytes
    return sums


def _change(rows: Sequence[TypeChange], turnovers: Mapping[str, TypeTurnover]) -> Change:
    doubtful = sum(turnover.doubtful for turnover in turnovers.values())
    return Change(
        size_bytes=sum(row.size_bytes for row in rows),
        allocated_nodes=make_count(sum(turnover.allocated for turnover in turnovers.values()), doubtful),
        freed_nodes=make_count(sum(turnover.freed for turnover in turnovers.values()), doubtful),
        details=in_order(rows),
    )


def in_order(rows: Iterable[TypeChange]) -> tuple[TypeChange, ...]:
    """The largest change of bytes first, then by name."""
    return tuple(sorted(rows, key=lambda row: (-abs(row.size_bytes), row.what)))


def _largest(grown: Iterable[Grown]) -> list[Grown]:
    return nlargest(_GROWN_AT_MOST, grown, key=lambda found: found.after_bytes - found.before_bytes)


def _state(snapshot: Snapshot) -> HeapState:
    nodes, size, times = snapshot.nodes, snapshot.size_bytes, (snapshot.pause_seconds, snapshot.collect_seconds)
    return HeapState(nodes, size, snapshot.time, *times, snapshot.rss)
