"""A judge that knows of which parts a made-up heap is, and finds what the shipped judge would find in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from simulation import Made

from memwatch.diagnosis.verdict import has_stopped
from memwatch.heap import TypeSeries
from memwatch.watch import Candidate, Dismissed, Growth, Leak, make_leak
from memwatch.watch.contract import Unjudged
from memwatch.watch.history import KEPT
from memwatch.watch.straight_line import fit_line

LOOKS, MOST_IMPORTS, AGAIN, MOST_SETTLING, SLOWER, STEADY = 5, 3, 1.3, 3, 0.8, 0.92  # as the shipped judge has them


class Reading:
    """A Sample that can be written over: building ten million frozen ones would take longer than judging them."""

    trigger, rss, modules = "tick", 0, 300
    time = clock = gc_seconds = 0.0
    base = number = blocks = small = native = full = young = 0
    meters = ()

    def reading(self, meter: str) -> int:
        """Of the one meter that there is."""
        return self.base if meter == "base" else 0


class Point(NamedTuple):
    """A reading of the past."""

    time: float
    base: float
    rss: float

    def reading(self, meter: str) -> float:
        """Of the one meter that there is."""
        return self.base


class Model:
    """What the shipped judge finds in a heap of known parts; without them it believes every leak that is old enough."""

    def __init__(self, made: Made | None, reading: Reading, step: float) -> None:
        self.made, self.reading, self.step, self.looks = made, reading, step, list[int]()
        self.imports, self.settling, self.agreed, self.due = 0, 0, False, 0.0

    def suspected(self, candidate: Candidate) -> bool:
        self.begin()
        return True

    def begin(self) -> None:
        self.looks, self.agreed, self.due = [self.reading.number], False, 0.0

    def followed(self, candidate: Candidate) -> None:
        self.looks.append(self.reading.number)

    def forget(self) -> None:
        self.looks = []

    def __call__(self, candidate: Candidate) -> Leak | Dismissed:
        growth = candidate.growth
        why = (self.doubt() if growth.level == "early" else None) or self.excuse(growth)
        anew = len(self.looks) == 1 and why == "nothing is clear"
        return Dismissed(why, anew=anew) if why else make_leak(growth, "objects", Unjudged(growth, "made up"))

    def share(self, part: np.ndarray) -> float:
        """Of the growth since the suspicion."""
        assert self.made is not None
        (now, then), base = (self.reading.number, self.looks[0]), self.made.base
        return float(part[now] - part[then]) / max(1.0, float(base[now] - base[then]))

    def samples(self, first: int) -> list[Point]:
        """The readings from that number on which a history keeps."""
        assert self.made is not None
        now = self.reading.number
        stride = 1 << max(0, (now // KEPT).bit_length())
        numbers = range(now - (now - first) // stride * stride, now + 1, stride)
        kept = self.made.base[numbers.start : now + 1 : stride].tolist()
        ages = ((now - number) * self.step for number in numbers)
        return [Point(self.reading.time - age, value, value) for age, value in zip(ages, kept, strict=True)]

    def explained(self) -> float:
        """The share of what may be a leak in the growth since the suspicion, measured as the judge does."""
        assert self.made is not None
        now, then = self.reading.number, self.looks[0]
        points, grew = self.samples(then + 1), float(self.made.base[now] - self.made.base[then])
        if len(points) >= 8:
            grew = min(grew, fit_line([(it.time, it.base) for it in points]).slope * (now - then) * self.step)
        return float(self.made.leaked[now] - self.made.leaked[then]) / max(1.0, grew)

    def excuse(self, growth: Growth) -> str | None:
        if self.made is None or not self.looks:
            return None
        since = self.reading.time - (self.reading.number - self.looks[0]) * self.step
        if has_stopped(growth, self.samples(0), since):  # type: ignore[arg-type]
            return "it has stopped"
        loading = self.imports < MOST_IMPORTS and self.share(self.made.loaded) > 0.5
        self.imports = self.imports + 1 if loading else 0
        settling = self.settling < MOST_SETTLING and self.share(self.made.leaked) > 0.5 and self.flow() < SLOWER
        self.settling = self.settling + 1 if settling else 0
        filling = "a cache fills" if self.share(self.made.filled) > 0.65 else None
        return "imports" if loading else filling or ("ever more slowly" if settling else None)

    def flow(self) -> float:
        """The speed of what may be a leak in the second half of the looks, as a part of that in the first."""
        assert self.made is not None
        series = TypeSeries()
        for look in (*self.looks, self.reading.number):
            series.add({"leak": (int(self.made.leaked[look]),) * 2}, look * self.step)
        return min((it.flow for it in series.ratchets()), default=1.0)

    def doubt(self) -> str | None:
        if self.made is None or len(self.looks) < LOOKS - 1:
            return "nobody has looked"
        steps = np.diff(self.made.leaked[[*self.looks, self.reading.number]])
        if (steps[:-1] <= 0).any() or self.explained() < 0.8:
            if len(self.looks) >= LOOKS:
                self.begin()
            return "nothing is clear"
        if self.flow() < STEADY:
            return "ever more slowly"
        seconds = (self.reading.number - self.looks[0]) * self.step
        if seconds < self.due:
            return "too soon"
        agreed, self.agreed, self.due = self.agreed, True, AGAIN * seconds
        return None if agreed else "one more look"
