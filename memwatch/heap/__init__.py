"""What grew: the census of the heap, and the diff of two moments."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .census import Cancelled, Census, TypeCount, take_census
from .change import Change, Diff, Grown, HeapState, TypeChange
from .compare import diff_snapshots
from .counts import Count, least, most
from .diff import HeapDiff
from .series import FEWEST, MonotoneType, Totals, TypeSeries
from .snapshot import Snapshot, snapshot_of, take_snapshot
from .table import format_count

if TYPE_CHECKING:
    from .dominators_table import Dominators
    from .retained import dominators, retained_size

_LATER = {"Dominators": "dominators_table", "dominators": "retained", "retained_size": "retained"}

__all__ = [
    "FEWEST",
    "Cancelled",
    "Census",
    "Change",
    "Count",
    "Diff",
    "Dominators",
    "Grown",
    "HeapDiff",
    "HeapState",
    "MonotoneType",
    "Snapshot",
    "Totals",
    "TypeChange",
    "TypeCount",
    "TypeSeries",
    "diff_snapshots",
    "dominators",
    "format_count",
    "least",
    "most",
    "retained_size",
    "snapshot_of",
    "take_census",
    "take_snapshot",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:  # the graph of the heap is for whoever asks for it
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
