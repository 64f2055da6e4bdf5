"""The samples of a whole life in bounded space: when there are too many, every second one goes."""

from __future__ import annotations

from ..backend.guard import own
from .sample import Sample

KEPT = 256


@own
class History:
    """At most `KEPT` samples, evenly spread from the first to the newest; the newest is always there."""

    def __init__(self) -> None:
        self._kept: list[Sample] = []
        self._stride = 1
        self._seen = 0
        self._newest: Sample | None = None

    def add(self, sample: Sample) -> None:
        """Take *sample* in."""
        if self._seen % self._stride == 0:
            self._kept.append(sample)
            if len(self._kept) >= KEPT:
                del self._kept[1::2]
                self._stride *= 2
        self._seen += 1
        self._newest = sample

    @property
    def seen(self) -> int:
        """How many samples were added in all."""
        return self._seen

    def samples(self) -> tuple[Sample, ...]:
        """What is kept, oldest first."""
        newest = self._newest
        if newest is None or self._kept[-1] is newest:
            return tuple(self._kept)
        return (*self._kept, newest)
