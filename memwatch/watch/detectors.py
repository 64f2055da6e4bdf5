"""What a detector is, and the set of them that a pace calls for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..errors import OptionError
from .consecutive_growth import ConsecutiveGrowth
from .pace import Pace
from .sample import Growth, Sample
from .seasonal import Seasonal
from .steady_growth import SteadyGrowth


class Detector(Protocol):
    """Takes readings one by one, says when they begin to look like a leak, are one, and are none any more.

    A leak that it returns, an early one too, counts as published unless `withdraw` is called: then nothing has
    happened, and it will be returned again. `dismiss` tells all detectors of growth that is no leak, whichever of them
    saw it: one of the same kind forgets its suspicion and reports only growth over a window twice as long.
    """

    name: str

    def update(self, sample: Sample) -> Growth | None: ...

    def withdraw(self) -> None: ...

    def dismiss(self, growth: Growth) -> None: ...


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
