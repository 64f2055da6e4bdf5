"""The values of this room: a reading of the meters, and what is concluded from many of them.

Times are seconds: `time`, `start` and `end` since the epoch, `clock` on the monotonic clock. Sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from ..clock import to_wall
from ..internal import internal
from ..units import format_delta, format_growth, format_size
from ..value import Value

if TYPE_CHECKING:
    from datetime import UTC, datetime
else:  # the part in C: on 3.11 the module around it takes 0.3 MiB of every watched process
    from _datetime import UTC, datetime

Trigger = Literal["gc", "forced", "tick", "exit"]
MeterName = Literal["base", "rss"]
Level = Literal["suspect", "early", "leak", "recovered"]


@internal
class Sample(NamedTuple):
    """One reading of the meters.

    `base` is what the process holds: `native` and `small`, the bytes of Python's small blocks; or anonymous RSS where
    the C allocator cannot be asked (`native` is then None). `blocks` counts the small and the large ones. `full` and
    `young` count collections since the interpreter started.
    """

    time: float
    clock: float
    trigger: Trigger
    base: int
    rss: int
    blocks: int
    small: int
    native: int | None
    modules: int
    full: int
    young: int
    gc_seconds: float
    meters: tuple[str, ...]

    def reading(self, meter: MeterName) -> int:
        """The bytes that *meter* read."""
        return self.base if meter == "base" else self.rss


class Stats(Value):
    """What is left after a collection: node-memwatch's fields, then memwatch's own. Bytes unless said otherwise."""

    __slots__ = (
        "current_base",
        "estimated_base",
        "gc_seconds",
        "heap_compactions",
        "max",
        "meters",
        "min",
        "native_bytes",
        "num_full_gc",
        "num_inc_gc",
        "python_blocks",
        "rss",
        "time",
        "trigger",
        "usage_trend",
    )

    num_full_gc: int
    """Full collections since the interpreter started."""

    num_inc_gc: int
    """Collections of younger generations since the interpreter started."""

    heap_compactions: int
    """The same as `num_full_gc`: CPython does not compact."""

    estimated_base: int
    """The average of about ten readings."""

    current_base: int
    """What Python's allocator and the C library hold now."""

    min: int
    """The least base; 0 until three readings were taken."""

    max: int
    """The largest base; 0 until three readings were taken."""

    usage_trend: float
    """How far `estimated_base` is above the average of about 120 readings, in per cent with one decimal."""

    time: float
    """When it was read, in epoch seconds."""

    trigger: Trigger
    """What caused the reading: "gc", "forced", "tick" or "exit"."""

    gc_seconds: float
    """Seconds spent in full collections since watching began."""

    python_blocks: int
    """How many blocks Python's allocator holds, small and large ones."""

    native_bytes: int | None
    """What the C library's allocator has given out; None if that cannot be read."""

    rss: int
    """Resident memory."""

    meters: tuple[str, ...]
    """The names of the meters that were read."""

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, as JSON takes them."""
        return {**self.as_dict(), "meters": list(self.meters)}


@internal
class Growth(NamedTuple):
    """What a detector says: `meter` went from `before` up by `growth` bytes between `start` and `end`.

    `count` and `unit` say over what the growth was consecutive: 5 "GCs", 8 "windows", 3 "days"; `note` is what else is
    known of it. Growth of the level "early" is too young to be a leak: only evidence from the heap makes it one.
    """

    level: Level
    detector: str
    meter: MeterName
    start: float
    end: float
    seconds: float
    before: int
    growth: int
    count: int  # type: ignore[assignment]  # no method of a tuple is wanted
    unit: str
    note: str = ""

    @property
    def rate_per_hour(self) -> float:
        """Bytes an hour, over the window; 0 for a window of no length."""
        return self.growth / self.seconds * 3600 if self.seconds > 0 else 0.0

    @property
    def reason(self) -> str:
        """One line in node-memwatch's words and units."""
        return f"{self._what} - {format_size(self.rate_per_hour)}/hr"

    @property
    def summary(self) -> str:
        """The same in the units that memwatch has everywhere else, with the amount."""
        return f"{self._what}: {format_growth(self.growth, self.seconds)}{f', {self.note}' if self.note else ''}"

    @property
    def _what(self) -> str:
        what = "heap" if self.meter == "base" else "rss"
        return f"{what} growth over {self.count} consecutive {self.unit} ({format_delta(self.seconds)})"


class SupportsSuspect(Protocol):
    """One thing that grew, in a report: docs/report.schema.json has all that is known of it."""

    @property
    def type(self) -> str: ...
    @property
    def count_growth(self) -> int: ...
    @property
    def bytes_growth(self) -> int: ...
    @property
    def share(self) -> float: ...
    @property
    def samples(self) -> int: ...
    @property
    def allocated_at(self) -> tuple[dict[str, Any], ...]: ...
    @property
    def cause(self) -> str: ...
    @property
    def hint(self) -> str: ...

    def to_dict(self) -> dict[str, Any]: ...


class SupportsReport(Protocol):
    """What a judge hands out with a leak."""

    @property
    def verdict(self) -> str: ...
    @property
    def growth_bytes(self) -> int: ...
    @property
    def suspects(self) -> Sequence[SupportsSuspect]: ...
    @property
    def missing(self) -> tuple[str, ...]: ...

    def to_dict(self) -> dict[str, Any]: ...

    def to_html(self) -> str: ...

    def to_markdown(self, budget: int = 2000) -> str: ...


def as_datetime(epoch_seconds: float) -> datetime:
    """The moment of the steady clock as an aware datetime in UTC, by the wall clock as it is set now."""
    return datetime.fromtimestamp(to_wall(epoch_seconds), UTC)


class Suspicion(Value):
    """Growth that looks like a leak and is not confirmed yet. From here on memwatch gathers evidence."""

    __slots__ = ("detector", "end", "growth", "meter", "rate_per_hour", "reason", "start")

    start: datetime
    end: datetime
    growth: int
    reason: str
    rate_per_hour: float
    detector: str
    meter: MeterName

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, times as ISO 8601 text."""
        return {**self.as_dict(), "start": self.start.isoformat(), "end": self.end.isoformat()}


class Leak(Value):
    """A leak: node-memwatch's `start`, `end`, `growth` (bytes) and `reason`, and what memwatch adds.

    `verdict` is that of the report: "objects", "untracked", "native", "fragmentation", "garbage" or "unknown".
    `str(leak.report)` is the whole story for a person, `leak.report.to_html()` the same as a page, and
    `leak.report.to_dict()` the same for a machine.
    """

    __slots__ = ("detector", "end", "growth", "rate_per_hour", "reason", "report", "start", "verdict")

    start: datetime
    end: datetime
    growth: int
    reason: str
    rate_per_hour: float
    detector: str
    verdict: str
    report: SupportsReport

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, times as ISO 8601 text, the report as its own dict."""
        return {
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "growth": self.growth,
            "reason": self.reason,
            "rate_per_hour": self.rate_per_hour,
            "detector": self.detector,
            "verdict": self.verdict,
            "report": self.report.to_dict(),
        }


@internal
class Dismissed(NamedTuple):
    """A judge's answer to a candidate that is no leak, with the reason in words.

    With `alone` it holds for this meter alone: another one, which does not see such memory, may still see a leak.
    With `waits` the suspicion stands, and the detector asks again as if it had not asked.
    With `anew` the evidence is measured from now on, by as many looks as after the suspicion.
    """

    why: str
    alone: bool = False
    waits: bool = False
    anew: bool = False
