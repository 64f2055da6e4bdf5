"""The set of detectors that a pace calls for."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import OptionError
from .consecutive_growth import ConsecutiveGrowth
from .contract import Detector
from .pace import Pace
from .seasonal import Seasonal
from .steady_growth import SteadyGrowth


def _ratchet(pace: Pace) -> list[Detector]:
    detectors: list[Detector] = [ConsecutiveGrowth(), SteadyGrowth("base", pace), SteadyGrowth("rss", pace)]
    return [*detectors, Seasonal("base")] if pace.seasonal else detectors


def _consecutive(pace: Pace) -> list[Detector]:
    return [ConsecutiveGrowth(triggers=frozenset({"gc", "forced"}))]


DETECTORS: dict[str, Callable[[Pace], list[Detector]]] = {"consecutive": _consecutive, "ratchet": _ratchet}


def make_detectors(pace: Pace, detector: str = "ratchet") -> list[Detector]:
    """The detectors to run side by side. Raises OptionError for an unknown name."""
    if detector not in DETECTORS:
        raise OptionError(f"unknown detector {detector!r}; there are: {', '.join(sorted(DETECTORS))}")
    return DETECTORS[detector](pace)
