"""What grew: the census of the heap, and the diff of two moments."""

from __future__ import annotations

from .census import Census, GaveUp, TypeCount, take_census
from .change import Change, Diff, Grown, HeapState, TypeChange
from .compare import diff_snapshots
from .counts import Count, least, most
from .diff import HeapDiff
from .series import Ratchet, TypeSeries
from .snapshot import Snapshot, snapshot_of, take_snapshot
from .table import format_count

__all__ = [
    "Census",
    "Change",
    "Count",
    "Diff",
    "GaveUp",
    "Grown",
    "HeapDiff",
    "HeapState",
    "Ratchet",
    "Snapshot",
    "TypeChange",
    "TypeCount",
    "TypeSeries",
    "diff_snapshots",
    "format_count",
    "least",
    "most",
    "snapshot_of",
    "take_census",
    "take_snapshot",
]
