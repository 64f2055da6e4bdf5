"""What does a detector answer, and what is a judge asked? The interfaces of this room."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from ..internal import internal
from ..value import Value
from .cost import Ledger
from .sample import Dismissed, Growth, Leak, Sample, SupportsReport, SupportsSuspect, as_datetime


@internal
class Candidate(NamedTuple):
    """Growth that a detector calls a leak, for a judge to weigh.

    `samples` is the past, oldest first; `read` takes a fresh sample; `should_cancel` turns true when the time for
    judging is over or the watcher is being stopped; a judge writes what its evidence costs into `ledger`.
    """

    growth: Growth
    samples: tuple[Sample, ...]
    read: Callable[[], Sample]
    should_cancel: Callable[[], bool]
    ledger: Ledger

    @property
    def last(self) -> Sample:
        """The newest sample of the past."""
        return self.samples[-1]

    @property
    def rates(self) -> tuple[float, float]:
        """Bytes a second by which base and resident memory rose in the window: what the program adds by itself."""
        window = [sample for sample in self.samples if sample.time >= self.growth.start]
        seconds = window[-1].clock - window[0].clock if window else 0.0
        if seconds <= 0:
            return 0.0, 0.0
        grew = (window[-1].base - window[0].base, window[-1].rss - window[0].rss)
        return max(0, grew[0]) / seconds, max(0, grew[1]) / seconds


@internal
class Detector(ABC):
    """Takes readings one by one. It says when they look like a leak, when they are one, and when the leak is over.

    A leak that it returns, an early one too, counts as published. Once `withdraw` is called it does not, and it will be
    returned again.
    """

    name: str

    @abstractmethod
    def update(self, sample: Sample) -> Growth | None:
        """Take in a reading; growth that became suspect or a leak, or that stopped after it was published as one."""

    def hasten(self, sample: Sample) -> Growth | None:
        """Suspected growth that is worth a verdict now, as the heap has just been looked at; None to wait as usual."""
        return None

    @abstractmethod
    def withdraw(self) -> None:
        """The leak that the last sample brought is not published."""

    @abstractmethod
    def dismiss(self, growth: Growth) -> None:
        """*growth*, whichever detector saw it, is no leak: one of the same kind asks again only after twice as long."""

    def settle(self, seconds: float) -> None:
        """Earlier processes of this kind had warmed up at the age of *seconds*. Most detectors ignore it."""
        return


class Publish(Protocol):
    """Hands an event of a watcher to its receivers; never raises."""

    def __call__(self, event: str, watcher: Any, value: object) -> None: ...


class Judge(Protocol):
    """Gathers evidence from a suspicion on, and decides on a candidate. Called on memwatch's own thread only."""

    def suspected(self, candidate: Candidate) -> bool:
        """Growth is suspected: gather what will explain it later. False: not ready, ask again at the next sample."""

    def followed(self, candidate: Candidate) -> bool:
        """The suspicion still stands: look again. True: the evidence is measured from now on."""

    def __call__(self, candidate: Candidate) -> Leak | Dismissed:
        """Decide: a Leak with its report, or Dismissed with the reason why this is none."""

    def growing(self) -> tuple[tuple[str, int, int], ...]:
        """The types that have grown at every look since the suspicion began, the most first: name, objects, bytes."""

    def forget(self) -> None:
        """The suspicion is over; let go of its evidence."""


@internal
class Unjudged(Value):
    """The report of a leak that nobody could look into: the growth itself, and why there is no more."""

    __slots__ = ("growth", "why")

    growth: Growth
    why: str

    @property
    def verdict(self) -> str:
        """What kind of memory grew is not known."""
        return "unknown"

    @property
    def growth_bytes(self) -> int:
        """By how much the process grew."""
        return self.growth.growth

    @property
    def suspects(self) -> tuple[SupportsSuspect, ...]:
        """Nobody has looked, so nobody is suspected."""
        return ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Why there is no more."""
        return (self.why,)

    def to_dict(self) -> dict[str, Any]:
        """The keys of a full report that are known."""
        return {
            "schema": 1,
            "reason": self.growth.summary,
            "growth_bytes": self.growth.growth,
            "rate_bytes_per_hour": self.growth.rate_per_hour,
            "verdict": self.verdict,
            "suspects": [],
            "missing": [self.why],
        }

    def to_html(self) -> str:
        """The text as a page."""
        text = str(self).replace("&", "&amp;").replace("<", "&lt;")
        return f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Leak</title><pre>{text}</pre></html>\n'

    def to_markdown(self, budget: int = 2000) -> str:
        """The text, for a coding agent; it is short whatever the *budget*."""
        return f"# Memory leak\n\n{self.growth.summary}\n\nNothing more is known: {self.why}.\n"[: 3 * budget]

    def __str__(self) -> str:
        return f"LEAK  {self.growth.summary}\n  {self.why}\n"


def make_leak(growth: Growth, verdict: str, report: SupportsReport) -> Leak:
    """The public value for *growth*, with its verdict and report."""
    return Leak(
        start=as_datetime(growth.start),
        end=as_datetime(growth.end),
        growth=growth.growth,
        reason=growth.reason,
        rate_per_hour=growth.rate_per_hour,
        detector=growth.detector,
        verdict=verdict,
        report=report,
    )
