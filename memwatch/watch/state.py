"""A watcher in one line: what it does, how, and what it has seen so far."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..backend import name as backend_name
from ..units import format_bytes, format_duration

if TYPE_CHECKING:
    from .watcher import Watcher


def describe_plan(watcher: Watcher) -> str:
    """Which process is watched, how, and when a leak can be told."""
    pace = watcher.pace
    decides = f"decides after {format_duration(pace.seconds_to_judge)} at the earliest"
    return f"watching pid {os.getpid()}, pace {pace.name}, backend {backend_name}, {decides}"


def describe(watcher: Watcher) -> str:
    """The plan, or that watching has ended, with what was read."""
    if not watcher.running:
        return f"stopped after {watcher.readings} readings"
    seen = f"{watcher.readings} readings in {format_duration(watcher.age)}"
    latest = watcher.latest
    base = f", base {format_bytes(latest.current_base)}" if latest is not None else ""
    return f"{describe_plan(watcher)}; {seen}{base}"
