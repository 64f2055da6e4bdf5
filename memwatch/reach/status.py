"""The status of a process: what it knows of itself now, without a look at its heap."""

from __future__ import annotations

import os
import sys
from typing import Any

from .. import backend, default
from ..origin import find_origin
from ..units import format_duration, format_growth
from ..watch import Growth, Leak, Sample, Watcher
from ..watch.rates import Rate
from ..watch.status import Status

RECENT = 600.0
"""Growth is shown over so many seconds, or for as long as the process is watched if that is less."""


def no_growth() -> Growth:
    """Stands for a growth in a report that is asked for while there is none."""
    return Growth("suspect", "asked", "base", 0.0, 0.0, 0.0, 0, 0, 2, "looks")


def status_of(watcher: Watcher) -> dict[str, Any]:
    """The status as values for JSON, in bytes and seconds. `state` is "starting", "watching", "suspect" or "leak"."""
    known = watcher.status
    last, leaks = known.sample, known.leaks
    return {
        "pid": os.getpid(),
        **find_origin().to_dict(),
        "command": [str(word) for word in getattr(sys, "argv", None) or ()][:20],
        "backend": backend.name,
        "backend_reason": backend.reason,
        "state": _state(watcher, known),
        "attached": _was_attached(),
        "started": watcher.started,
        "age_seconds": watcher.age,
        "pace": watcher.pace.name,
        "tick_seconds": watcher.pace.tick,
        "decides_after_seconds": watcher.pace.seconds_to_judge,
        "readings": watcher.readings,
        "base_bytes": last.base if last else None,
        "rss_bytes": last.rss if last else None,
        "growth": _growth(watcher.candidate(no_growth()).samples),
        "rates": [{"meter": it.meter, "window": it.window, "bytes_per_hour": _hourly(it)} for it in known.rates],
        "sample_interval": default.sampling_interval(),
        "suspicion": _suspicion(known.suspicion),
        "leaks": [_leak(leak) for leak in leaks],
        "culprit": _culprit(leaks),
        "thinks": _thought(watcher, known),
        "gap": watcher.gap,
        "cost": known.cost.to_dict(),
    }


def _thought(watcher: Watcher, known: Status) -> str:
    """The present judgement in a sentence, with what is needed for a report."""
    leaks, suspicion, decides = known.leaks, known.suspicion, format_duration(watcher.pace.seconds_to_judge)
    if leaks:
        return f"it leaks: {leaks[-1].report.to_dict()['reason']}"
    if suspicion is not None:
        return (
            f"growth is suspected: {format_growth(suspicion.growth, suspicion.seconds)}. It is a leak if it goes on "
            "over a window four times as long, and the heap shows who keeps it"
        )
    if known.age < watcher.pace.seconds_to_judge:
        return f"nothing is suspected; a leak is reported after {decides} at the earliest"
    return "nothing is suspected: memory has not grown steadily for long enough"


def _state(watcher: Watcher, known: Status) -> str:
    if known.leaks:
        return "leak"
    if known.suspicion is not None:
        return "suspect"
    return "watching" if known.age >= watcher.pace.seconds_to_judge else "starting"


def _was_attached() -> bool:
    inside = sys.modules.get(f"{__name__.partition('.')[0]}.attach.inside")
    return inside is not None and inside.is_attached()


def _growth(samples: tuple[Sample, ...]) -> dict[str, Any] | None:
    """By how much the base has grown lately. None before there are two readings."""
    if len(samples) < 2:
        return None
    last = samples[-1]
    first = next(sample for sample in samples if last.time - sample.time <= RECENT)
    first = first if first is not last else samples[-2]
    grew, seconds = last.base - first.base, last.time - first.time
    rate = grew / seconds * 3600 if seconds > 0 else 0.0
    return {"bytes": grew, "seconds": seconds, "rate_bytes_per_hour": rate}


def _hourly(rate: Rate) -> float | None:
    return None if rate.bytes_per_second is None else rate.bytes_per_second * 3600


def _suspicion(growth: Growth | None) -> dict[str, Any] | None:
    if growth is None:
        return None
    return {"reason": growth.summary, "growth_bytes": growth.growth, "rate_bytes_per_hour": growth.rate_per_hour}


def _leak(leak: Leak) -> dict[str, Any]:
    known = leak.report.to_dict()
    return {
        "time": leak.end.timestamp(),
        "reason": leak.reason,
        "verdict": leak.verdict,
        "growth_bytes": leak.growth,
        "rate_bytes_per_hour": leak.rate_per_hour,
        "fingerprint": known.get("fingerprint", ""),
        "subject": known.get("subject", ""),
    }


def _culprit(leaks: tuple[Leak, ...]) -> str:
    return next((found["subject"] for leak in reversed(leaks) if (found := _leak(leak))["subject"]), "")
