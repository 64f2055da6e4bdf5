"""Says when a process has crossed a threshold: once, then not again before it was well below it for a moment.

Pure: readings and the time come in, a `Crossing` comes out. `memwatch.on_threshold` is how a program uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypedDict, Unpack

from .errors import OptionError
from .units import format_bytes, format_duration, format_rate, printable

Name = Literal["rss", "cpu", "limit_share", "base_growth", "gc_share", "count"]

EXTRA: tuple[Name, ...] = ("base_growth", "gc_share", "count")
"""Readings that are taken only if somebody waits for them."""

LEAST_INTERVAL = 0.1
"""Seconds: over less, a share of processor time says little."""

LIMIT_LASTS = 60.0
"""Seconds after which the memory limit is read again."""

SECONDS = 86400.0
"""The longest time of a condition."""

_READINGS: tuple[Name, ...] = ("rss", "cpu", "limit_share", "base_growth", "gc_share", "count")
_HOW = ("for_seconds", "hysteresis", "cooldown")
_RANGES = {
    "rss": (2.0**63, "bytes, above 0"),
    "cpu": (1e6, "per cent of one core, above 0"),
    "limit_share": (1.0, "a share of the memory limit, above 0.0 and at most 1.0"),
    "base_growth": (2.0**63, "bytes an hour, above 0"),
    "gc_share": (1.0, "a share of the time, above 0.0 and at most 1.0"),
    "count": (2.0**63, "a class with a number of objects above 0, as {'app.Order': 10000}"),
    "for_seconds": (86400.0, "seconds, from 0 to 86400"),
    "hysteresis": (0.99, "a share of the threshold, from 0.0 to 0.99"),
    "cooldown": (86400.0, "seconds, from 0 to 86400"),
}


@dataclass(frozen=True, slots=True)
class Readings:
    """What a process takes: bytes in memory, per cent of one core, and `rss` as a share of the memory it may have.

    `cpu` is None until there are two readings to compare, `limit_share` until the limit could be read. `base_growth`,
    bytes an hour over ten minutes, `gc_share`, the part of the time that is spent in the collector, and `counts`, live
    objects by class, are read only if somebody waits for them.
    """

    rss: int
    cpu: float | None
    limit_share: float | None
    base_growth: float | None = None
    gc_share: float | None = None
    counts: Mapping[str, int] | None = None

    def of(self, name: Name, what: str = "") -> float | None:
        """The reading of that name; of "count" that of the class *what*. None where there is none yet."""
        if name == "count":
            return self.counts.get(what, 0) if self.counts is not None else None
        value: float | None = getattr(self, name)
        return value

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Crossing:
    """The reading `name` is at `value`, and has been at `threshold` or more since the time `since`.

    `name` is "rss", "cpu", "limit_share", "base_growth", "gc_share" or "count"; `what` is the class that a "count" is
    of. `time` and `since` are epoch seconds. `readings` holds all readings at `time`.
    """

    name: Name
    value: float
    threshold: float
    since: float
    time: float
    readings: Readings
    what: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, `readings` as a dict."""
        return asdict(self)

    def __str__(self) -> str:
        value, threshold = _FORMATS[self.name](self.value), _FORMATS[self.name](self.threshold)
        seconds = self.time - self.since
        lasts = f" and has done so for {format_duration(seconds)}" if seconds >= 0.05 else ""
        name = f"{self.name} of {printable(self.what)}" if self.what else self.name
        return f"{name} of {value} reaches the threshold of {threshold}{lasts}"


_FORMATS: dict[Name, Callable[[float], str]] = {
    "rss": format_bytes,
    "cpu": lambda per_cent: f"{per_cent:.0f} %",
    "limit_share": lambda share: f"{100 * share:.1f} %",
    "base_growth": format_rate,
    "gc_share": lambda share: f"{100 * share:.1f} %",
    "count": lambda count: f"{count:,.0f}",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """When a reading counts as crossed; `what` is the class of a count.

    It has been at `threshold` or more for `for_seconds`. Then it is not reported again before it has fallen below the
    threshold by `hysteresis`, a share of it, and `cooldown` seconds have passed.
    """

    name: Name
    threshold: float
    for_seconds: float = 0.0
    hysteresis: float = 0.1
    cooldown: float = 60.0
    what: str = ""


class Conditions(TypedDict, total=False):
    """What `memwatch.on_threshold` takes beside the handler."""

    rss: float | None
    cpu: float | None
    limit_share: float | None
    base_growth: float | None
    gc_share: float | None
    count: Mapping[str, int] | None
    for_seconds: float
    hysteresis: float
    cooldown: float


def make_rules(**conditions: Unpack[Conditions]) -> tuple[Rule, ...]:
    """A rule for each reading that has a threshold. Raises OptionError for a bad name or value, or if there is none."""
    all_given: Iterable[tuple[str, Any]] = conditions.items()
    given = {name: value for name, value in all_given if value is not None or name not in _READINGS}
    what, given["count"] = _counted(given["count"]) if "count" in given else ("", 1)
    for name, value in given.items():
        _check(name, value)
    if not what:
        del given["count"]
    how = {name: value for name, value in given.items() if name in _HOW}
    rules = [
        Rule(name, given[name], **how, what=what if name == "count" else "") for name in _READINGS if name in given
    ]
    if not rules:
        raise OptionError(f"no threshold is given; there are {', '.join(_READINGS)}")
    return tuple(rules)


def _counted(count: object) -> tuple[str, object]:
    """The class and the number of its objects."""
    if isinstance(count, Mapping) and len(count) == 1 and all(isinstance(it, str) and it for it in count):
        return next(iter(count.items()))
    raise OptionError(f"count must be {_RANGES['count'][1]}")


def _check(name: str, value: object) -> None:
    if name not in _RANGES:
        raise OptionError(f"unknown condition {name!r}; there are {', '.join(_RANGES)}")
    most, allowed = _RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OptionError(f"{name} must be {allowed}; got an instance of {type(value).__qualname__}")
    if not (0 < value <= most or (value == 0 and name in _HOW)):
        shown = f"{value:g}" if isinstance(value, float) or abs(value) < 2**64 else "a number so large"
        raise OptionError(f"{name} must be {allowed}, not {shown}")


class Threshold:
    """A rule and where the readings stand with it. Times on any clock that never goes back."""

    __slots__ = ("_armed", "_reported", "_since", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.reset()

    def reset(self) -> None:
        """As if there had been no reading yet."""
        self._since: float | None = None  # when the reading came to the threshold and stayed
        self._reported: float | None = None  # when that was reported last
        self._armed = True

    def interrupt(self) -> None:
        """There will be no readings for a while: what comes then is not what was before, though it may be as high."""
        self._since = None

    def update(self, now: float, time: float, readings: Readings) -> Crossing | None:
        """Take the readings at *now*, which is *time* in epoch seconds; returns what is to be reported."""
        value = readings.of(self.rule.name, self.rule.what)
        if value is None:
            return None
        if value < self.rule.threshold:
            self._since = None
            self._armed = self._armed or value < self.rule.threshold * (1 - self.rule.hysteresis)
            return None
        since = self._since = now if self._since is None else self._since
        if not self._armed or now - since < self.rule.for_seconds or self._rests(now):
            return None
        self._reported, self._armed = now, False
        return Crossing(
            self.rule.name, value, self.rule.threshold, time - (now - since), time, readings, self.rule.what
        )

    def _rests(self, now: float) -> bool:
        return self._reported is not None and now - self._reported < self.rule.cooldown


class Gauge:
    """Makes readings of this process, from one call to the next.

    *clock* never goes back, *spent* gives the seconds of processor time that the process has used, and *limit* the
    bytes that it may have, which is asked once a minute. An OSError of *limit* (no descriptor is left) puts it off.
    """

    __slots__ = ("_clock", "_cpu", "_last", "_limit", "_limit_read", "_limit_value", "_spent")

    def __init__(self, clock: Callable[[], float], spent: Callable[[], float], limit: Callable[[], int]) -> None:
        self._clock, self._spent, self._limit = clock, spent, limit
        self._limit_read = float("-inf")
        self._limit_value: int | None = None
        self.reset()

    def reset(self) -> None:
        """Measure processor time from here on."""
        self._last: tuple[float, float] | None = None
        self._cpu: float | None = None

    def read(self, rss: int) -> Readings:
        """The readings with *rss* bytes in memory."""
        now = self._clock()
        if now - self._limit_read >= LIMIT_LASTS:
            with suppress(OSError):
                self._limit_read, self._limit_value = now, self._limit()
        return Readings(rss, self._read_cpu(now), rss / self._limit_value if self._limit_value else None)

    def _read_cpu(self, now: float) -> float | None:
        """Per cent of one core since the last call; that call's value again if it was a moment ago."""
        before = self._last
        if before is not None and now - before[0] < LEAST_INTERVAL:
            return self._cpu
        self._last = now, self._spent()
        if before is not None:
            self._cpu = 100 * max(0.0, self._last[1] - before[1]) / (now - before[0])
        return self._cpu
