"""What does a watcher say of itself? Its state in one line of text; `status` has it as a value."""

from __future__ import annotations

import os

from ..backend import name as backend_name
from ..units import format_bytes, format_duration
from .pace import Pace
from .sample import Stats
from .triggers import Ticker

FORKED_BY_C = (
    "memwatch does not watch this process: C code has forked it without the hooks that Python has for forks "
    "(uWSGI calls them with --py-call-osafterfork)"
)
NOT_DELIVERED = (
    "memwatch.gc() returns before its events are delivered: a receiver has been busy for %g s, "
    "or waits for a lock that the caller holds"
)
_FEW = 4  # samples: that few may be missing for a moment


def describe_plan(pace: Pace) -> str:
    """Which process is watched, how, and when a leak can be reported at the earliest."""
    decides = f"decides after {format_duration(pace.seconds_to_judge)} at the earliest"
    return f"watching pid {os.getpid()}, pace {pace.name}, backend {backend_name}, {decides}"


def describe(running: bool, pace: Pace, readings: int, age: float, latest: Stats | None, gap: str) -> str:
    """The plan, how many readings were taken in *age* seconds, the latest base and the gap; or that watching ended."""
    if not running:
        return f"stopped after {readings} readings"
    seen = f"{readings} readings in {format_duration(age)}"
    base = f", base {format_bytes(latest.current_base)}" if latest is not None else ""
    return f"{describe_plan(pace)}; {seen}{base}{f'; {gap}' if gap else ''}"


def describe_gap(ticker: Ticker, taken: int, parked: bool, unread: bool) -> str:
    """Why fewer than half of the due readings were *taken*, in words; empty where more were, or where few were due.

    *parked* says that the thread waits for the end of a fork, *unread* that the meters could not be read.
    """
    if ticker.expected < _FEW or 2 * taken >= ticker.expected:
        return ""
    if parked:
        why = "its thread is parked for a fork"
    elif unread:
        why = "memory could not be read"
    elif ticker.busy > ticker.kept_out:
        why = "it was busy with receivers or a verdict"
    else:
        why = "its thread did not get to run"
    return f"not watched: {taken} readings of {ticker.expected} expected, {why}"
