"""What is known of one suspicion: the evidence from its begin on, and what the walks at the verdict brought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..backend.meters.resident import Mapped
from ..errors import MemwatchError, describe_error
from ..heap import Diff, Snapshot, TypeSeries
from ..internal import internal
from ..retain import Holding
from ..watch import Growth, Sample
from ..watch.sample import MeterName
from ..watch.straight_line import fit_line
from .lines import Lines

_LINE = 8  # readings, for a line through them


@internal
@dataclass(slots=True)
class Evidence:
    """What is gathered for one suspicion.

    `base`, `small` and `rss` are the meters' readings when it arose, `modules` the number of files imported by then,
    `interpreters` how many there were, `mapped` the memory that had addresses, `pages` what SQLite's took,
    `connections` how many had been accepted, `threads` how many there were, `began` the program's own time.
    """

    suspicion: Growth | None = None
    snapshot: Snapshot | None = None
    series: TypeSeries = field(default_factory=TypeSeries)
    base: int = 0
    mapped: Mapped | None = None
    pages: int | None = None
    connections: int | None = None
    threads: int = 0
    began: float = 0.0
    small: int = 0
    rss: int = 0
    modules: int = 0
    interpreters: int = 1
    garbage: int = 0  # objects that the judge's collection found
    native: bool = False  # the growth is past Python's blocks
    began_anew: bool = False  # after a start-up
    since: int = 0  # on the steady clock, in nanoseconds
    missing: list[str] = field(default_factory=list)

    @property
    def knows_all(self) -> bool:
        """Whether it is known which objects there were."""
        return self.snapshot is not None and self.snapshot.deep

    def is_collection_overdue(self, young: int) -> bool:
        """Whether CPython's own rule should have had the garbage collected before the judge's collection.

        Up to *young* objects it may be garbage that has not been looked at yet.

        A full collection comes when what is new in the oldest generation is more than a quarter of what survived the
        last one (Modules/gcmodule.c, long_lived_pending), counted in objects, whatever their size. What was there at
        the suspicion stands for the survivors: the collector tracks fewer, so the collection comes earlier than that.
        """
        return self.snapshot is not None and 4 * (self.garbage - young) > self.snapshot.nodes

    def grew(self, last: Sample, meter: MeterName = "base") -> int:
        """Bytes by which a meter has grown since the suspicion, as of *last*; 0 where there was none."""
        before, now = (self.base, last.base) if meter == "base" else (self.rss, last.rss)
        return now - before if self.suspicion else 0

    def grew_at_least(self, samples: Sequence[Sample]) -> int:
        """Bytes by which `base` has grown since the suspicion: by the last of *samples*, or by a straight line through
        those that came since, where that is less. Noise in one reading is no growth that nothing explains."""
        grew = self.grew(samples[-1])
        points = [(it.time, float(it.base)) for it in samples if self.suspicion and it.time > self.suspicion.end]
        return min(grew, round(fit_line(points).slope * self.seconds(samples[-1]))) if len(points) >= _LINE else grew

    def seconds(self, last: Sample) -> float:
        """Since the suspicion, as of *last*; 0 where there was none."""
        return last.time - self.suspicion.end if self.suspicion else 0.0

    @contextmanager
    def noting(self, unfinished: str) -> Iterator[None]:
        """Around what may fail: the report says so."""
        try:
            yield
        except MemwatchError as error:
            self.missing.append(f"{unfinished}: {error}")
        except Exception as error:  # most likely no memory; what is known without the walk goes out all the same
            self.missing.append(f"{unfinished}: {describe_error(error)}")
            error.__traceback__ = None  # its frames hold what the walk held, and are a cycle with this one


@internal
@dataclass(frozen=True, slots=True)
class Garbage:
    """What is new and nothing leads to: so many objects, and their bytes."""

    objects: int
    size_bytes: int


@internal
@dataclass(slots=True)
class Findings:
    """What the walks at the verdict brought."""

    diff: Diff | None = None
    holdings: tuple[Holding, ...] = ()
    after: Snapshot | None = None
    lines: Lines = field(default_factory=Lines)
    garbage: Garbage | None = None

    @property
    def walked(self) -> bool:
        """Whether a walk has met every object that Python reaches."""
        return self.after is not None and self.after.deep
