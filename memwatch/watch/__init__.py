"""Is it growing? Readings of the meters come in, `stats`, `suspect`, `leak` and `recovered` go out."""

from __future__ import annotations

from .contract import Candidate, Detector, Judge, make_leak
from .cost import Cost, Ledger
from .describe import describe_plan
from .detectors import make_detectors
from .pace import PACES, Pace, choose_pace
from .reading import collect_once
from .sample import Dismissed, Growth, Leak, Sample, Stats, Suspicion
from .watcher import Watcher

__all__ = [
    "PACES",
    "Candidate",
    "Cost",
    "Detector",
    "Dismissed",
    "Growth",
    "Judge",
    "Leak",
    "Ledger",
    "Pace",
    "Sample",
    "Stats",
    "Suspicion",
    "Watcher",
    "choose_pace",
    "collect_once",
    "describe_plan",
    "make_detectors",
    "make_leak",
]
