"""What all exporters show: the newest readings and the open leaks, as one value.

No walk is made. The value consists of what the watcher's thread has stored, so any thread can ask for it at any time;
that takes some ten microseconds.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import default
from ..backend.meters.collector import read_generations
from ..backend.meters.memory_limit import NO_LIMIT, memory_limit
from ..clock import Clock, to_wall
from ..internal import internal
from ..watch.cost import Cost
from ..watch.rates import Rate
from ..watch.sample import Sample
from .names import shown_holder, shown_line, shown_name

if TYPE_CHECKING:
    from ..watch.sample import Leak

MOST_LEAKS = 5
"""Of so many leaks at most there are labels; the fastest come first."""

CULPRIT = ("fingerprint", "type", "holder", "line", "verdict")
"""The fields of a `Culprit` that are labels."""

_LIMIT_LASTS = 60.0  # seconds


@internal
@dataclass(frozen=True, slots=True)
class Culprit:
    """An open leak, in names that may leave the process; `line` and `holder` are empty if they are not known.

    `fingerprint` is the same for the same leak in every process, and "none" if nobody could look into it.
    """

    fingerprint: str
    type: str
    holder: str
    line: str
    verdict: str
    growth_bytes: int
    bytes_per_second: float


@internal
@dataclass(frozen=True, slots=True)
class State:
    """What is known now. Bytes and seconds; `time` is that of `sample`, in epoch seconds.

    `limit_bytes` is the memory that this process may have, None where there is no limit. `collections` counts the
    collector's runs by generation, the oldest last.
    """

    pid: int
    time: float
    age: float
    sample: Sample
    limit_bytes: int | None
    rates: tuple[Rate, ...]
    suspected: bool
    culprits: tuple[Culprit, ...]
    leaks: int
    leaks_reported: int
    recoveries_reported: int
    collections: tuple[int, ...]
    cost: Cost

    @property
    def limit_share(self) -> float | None:
        """Resident memory as a share of the limit."""
        return self.sample.rss / self.limit_bytes if self.limit_bytes else None


def read_state() -> State | None:
    """The state of this process; None if nobody watches it, or nothing was read yet."""
    watcher = default.watcher()
    status = watcher.status if watcher is not None else None
    if status is None or status.sample is None:
        return None
    fastest = sorted(status.leaks, key=lambda leak: -leak.rate_per_hour)
    return State(
        pid=os.getpid(),
        time=to_wall(status.sample.time),
        age=status.age,
        sample=status.sample,
        limit_bytes=_read_limit(),
        rates=status.rates,
        suspected=status.suspicion is not None,
        culprits=tuple(map(name_culprit, fastest[:MOST_LEAKS])),
        leaks=len(status.leaks),
        leaks_reported=status.leaks_reported,
        recoveries_reported=status.recoveries_reported,
        collections=read_generations(),
        cost=status.cost,
    )


def name_culprit(leak: Leak) -> Culprit:
    """Who is to blame for *leak*: its first suspect."""
    first = next(iter(getattr(leak.report, "suspects", ())), None)
    return Culprit(
        fingerprint=getattr(leak.report, "fingerprint", "") or "none",
        type=shown_name(first.type) if first else "",
        holder=shown_holder(first.held_by) if first else "",
        line=_find_line(first.allocated_at) if first else "",
        verdict=leak.verdict,
        growth_bytes=leak.growth,
        bytes_per_second=leak.rate_per_hour / 3600,
    )


def _find_line(frames: tuple[dict[str, Any], ...]) -> str:
    """The innermost frame of the program's own code, or else the innermost one."""
    own = [frame for frame in frames if frame["in_app"]]
    for frame in [*own, *frames][:1]:
        return shown_line(str(frame["file"]), int(frame["line"]))
    return ""


class _Limit:
    """The memory limit, read at most once a minute."""

    value: int | None = None
    read_at = float("-inf")


def _read_limit() -> int | None:
    now = Clock.monotonic()
    if now - _Limit.read_at >= _LIMIT_LASTS:
        with suppress(OSError):
            limit = memory_limit()
            _Limit.read_at, _Limit.value = now, limit if limit < NO_LIMIT else None
    return _Limit.value
