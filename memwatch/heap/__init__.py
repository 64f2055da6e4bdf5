"""What grew: the census of the heap, and the diff of two moments."""

from __future__ import annotations

from .census import Census, GaveUp, TypeCount, take_census
from .change import Change, Diff, Grown, HeapState, TypeChange
from .compare import diff_snapshots
from .diff import HeapDiff
from .snapshot import Snapshot, take_snapshot

__all__ = [
    "Census",
    "Change",
    "Diff",
    "GaveUp",
    "Grown",
    "HeapDiff",
    "HeapState",
    "Snapshot",
    "TypeChange",
    "TypeCount",
    "diff_snapshots",
    "take_census",
    "take_snapshot",
]
