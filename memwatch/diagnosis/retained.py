"""What the first suspect's holder retains: the bytes that its end would free, new and old ones.

It is at least what came there, unless others hold that as well, or C code holds each object by itself: the end of one
holder would free next to nothing then, and nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..backend.graph.in_child import Retained
from ..retain import Holding
from .report import Report

_LEAST = 0.5  # of what came there


def with_retained(report: Report, holdings: Sequence[Holding], ask: Callable[[int], Retained | None]) -> Report:
    """*report* with what the first suspect's holder retains, which *ask* tells by its address, if it may look."""
    first = report.suspects[0] if report.suspects else None
    held = next((it for it in holdings if first is not None and it.path is first.held_by), None)
    found = ask(held.holder_address) if held is not None else None
    if first is None or found is None or found.size_bytes < max(1, _LEAST * first.bytes_growth):
        return report
    first = replace(first, retained_bytes=found.size_bytes, retained_objects=found.objects)
    return replace(report, suspects=(first, *report.suspects[1:]))
