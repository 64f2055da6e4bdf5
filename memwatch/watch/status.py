"""What does a watcher know now? One value for whoever shows or exports it, made without a look at the heap."""

from __future__ import annotations

from typing import NamedTuple

from ..internal import internal
from .cost import Cost
from .rates import Rate
from .sample import Growth, Leak, Sample


@internal
class Status(NamedTuple):
    """`sample` is the newest reading, None before the first; `age` the seconds since watching began.

    `leaks` are those that were reported and go on, `stopped` those that grow no more and are held,
    `leaks_reported` and `recoveries_reported` how many were reported in all.
    `rates` is empty in a process that nobody watches. `judging` says that a verdict is under way.
    """

    sample: Sample | None
    age: float
    suspicion: Growth | None
    leaks: tuple[Leak, ...]
    stopped: tuple[Leak, ...]
    leaks_reported: int
    recoveries_reported: int
    rates: tuple[Rate, ...]
    cost: Cost
    judging: bool = False
