"""The metrics, declared once for all exporters: name, unit, help, labels, and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from ..internal import internal
from .state import CULPRIT, Culprit, State

Point = tuple[tuple[str, ...], float]
"""The values of the labels, and the number."""


@internal
class Metric(NamedTuple):
    """`prometheus` and `otel` are its names there, `unit` is UCUM's: By, s, 1. A counter never falls."""

    prometheus: str
    otel: str
    kind: Literal["gauge", "counter"]
    unit: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[State], Iterable[Point]]


def _one(read: Callable[[State], float | None]) -> Callable[[State], Iterable[Point]]:
    def points(state: State) -> Iterable[Point]:
        value = read(state)
        return () if value is None else (((), value),)

    return points


def _gauge(prometheus: str, otel: str, unit: str, help: str, read: Callable[[State], float | None]) -> Metric:
    return Metric(prometheus, otel, "gauge", unit, help, (), _one(read))


def _counter(prometheus: str, otel: str, unit: str, help: str, read: Callable[[State], float | None]) -> Metric:
    return Metric(prometheus, otel, "counter", unit, help, (), _one(read))


def _rates(state: State) -> Iterable[Point]:
    return (
        ((rate.meter, rate.window), rate.bytes_per_second) for rate in state.rates if rate.bytes_per_second is not None
    )


def _per_leak(read: Callable[[Culprit], float]) -> Callable[[State], Iterable[Point]]:
    """By fingerprint: a leak that is reported on two meters counts once."""

    def points(state: State) -> Iterable[Point]:
        known = {culprit.fingerprint: culprit for culprit in reversed(state.culprits)}
        return (((name,), read(culprit)) for name, culprit in known.items())

    return points


def _names(state: State) -> Iterable[Point]:
    known = {culprit.fingerprint: culprit for culprit in reversed(state.culprits)}
    return ((tuple(str(getattr(culprit, label)) for label in CULPRIT), 1.0) for culprit in known.values())


METRICS = (
    _gauge(
        "memwatch_base_bytes",
        "memwatch.base",
        "By",
        "What Python's allocator and the C library hold for the program; leaks are looked for in it.",
        lambda state: state.sample.base,
    ),
    _gauge(
        "memwatch_native_bytes",
        "memwatch.native",
        "By",
        "What the C allocator has given out; absent where it cannot be asked.",
        lambda state: state.sample.native,
    ),
    _gauge(
        "memwatch_python_bytes",
        "memwatch.python",
        "By",
        "The small blocks of Python's own allocator.",
        lambda state: state.sample.small,
    ),
    _gauge(
        "memwatch_python_blocks",
        "memwatch.python.blocks",
        "{block}",
        "How many blocks Python holds.",
        lambda state: state.sample.blocks,
    ),
    _gauge(
        "memwatch_resident_bytes",
        "process.memory.usage",
        "By",
        "Resident memory, without what memwatch itself has taken.",
        lambda state: state.sample.rss,
    ),
    _gauge(
        "memwatch_limit_bytes",
        "memwatch.limit",
        "By",
        "The memory that the process may have: its container's, its own limit or the machine's.",
        lambda state: state.limit_bytes,
    ),
    _gauge(
        "memwatch_limit_ratio",
        "memwatch.limit.utilization",
        "1",
        "Resident memory as a share of the limit.",
        lambda state: state.limit_share,
    ),
    Metric(
        "memwatch_growth_bytes_per_second",
        "memwatch.growth",
        "gauge",
        "By/s",
        "How fast the meter has grown over the window; absent until the process was watched for so long.",
        ("meter", "window"),
        _rates,
    ),
    _gauge(
        "memwatch_suspected",
        "memwatch.suspected",
        "1",
        "1 while growth is suspected that is not confirmed yet.",
        lambda state: float(state.suspected),
    ),
    _gauge(
        "memwatch_leaks",
        "memwatch.leaks",
        "{leak}",
        "Leaks that were reported and still grow.",
        lambda state: state.leaks,
    ),
    Metric(
        "memwatch_leak_info",
        "memwatch.leak.info",
        "gauge",
        "1",
        "1 for each leak that goes on, five at most: who is to blame for it.",
        CULPRIT,
        _names,
    ),
    Metric(
        "memwatch_leak_growth_bytes",
        "memwatch.leak.growth",
        "gauge",
        "By",
        "By how much a leak had grown when it was reported.",
        ("fingerprint",),
        _per_leak(lambda culprit: culprit.growth_bytes),
    ),
    Metric(
        "memwatch_leak_bytes_per_second",
        "memwatch.leak.rate",
        "gauge",
        "By/s",
        "How fast a leak grew when it was reported.",
        ("fingerprint",),
        _per_leak(lambda culprit: culprit.bytes_per_second),
    ),
    _counter(
        "memwatch_leaks_reported_total",
        "memwatch.leaks.reported",
        "{leak}",
        "Leaks that were reported.",
        lambda state: state.leaks_reported,
    ),
    _counter(
        "memwatch_recoveries_reported_total",
        "memwatch.recoveries.reported",
        "{leak}",
        "Leaks that were reported and have stopped growing.",
        lambda state: state.recoveries_reported,
    ),
    Metric(
        "memwatch_gc_collections_total",
        "cpython.gc.collections",
        "counter",
        "{collection}",
        "Collections of each generation since the interpreter started.",
        ("generation",),
        lambda state: (((str(number),), count) for number, count in enumerate(state.collections)),
    ),
    _counter(
        "memwatch_gc_seconds_total",
        "memwatch.gc.time",
        "s",
        "Time spent in collections, as far as memwatch has timed them.",
        lambda state: state.sample.gc_seconds,
    ),
    _gauge(
        "memwatch_own_cpu_ratio",
        "memwatch.own.cpu.utilization",
        "1",
        "Processor time of memwatch's own thread as a share of one core.",
        lambda state: state.cost.cpu_share,
    ),
    _gauge(
        "memwatch_own_longest_pause_seconds",
        "memwatch.own.longest_pause",
        "s",
        "The longest that memwatch has held the interpreter in one piece.",
        lambda state: state.cost.longest_pause_seconds,
    ),
    _gauge(
        "memwatch_own_bytes",
        "memwatch.own.memory",
        "By",
        "Memory that memwatch's evidence holds now.",
        lambda state: state.cost.bytes,
    ),
    _counter(
        "memwatch_own_censuses_total",
        "memwatch.own.censuses",
        "{census}",
        "Walks of the heap that memwatch has made.",
        lambda state: state.cost.censuses,
    ),
    _gauge(
        "memwatch_last_reading_timestamp_seconds",
        "memwatch.last_reading",
        "s",
        "When the meters were read last, in seconds since the epoch.",
        lambda state: state.time,
    ),
)
