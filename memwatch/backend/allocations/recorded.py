"""What a recorder has seen, for the report of a leak; loaded with the judge."""

from __future__ import annotations

from collections.abc import Callable

from ...frames import Frame
from .. import samples
from .live import Sampled
from .recorder import Recorder

if samples:
    from .sampled import live_births, live_samples


def read_recorded(recorder: Recorder, since: int, until: int) -> tuple[tuple[Sampled, ...], Callable[[str], bool]]:
    """What is held of that which was sampled between two moments of the steady clock, in nanoseconds; and what tells
    whether a file is the program's own code. Raises NotStartedError.
    """
    sampling = recorder.sampling
    return live_samples(sampling, since, until) if sampling is not None else ((), bool)


def read_births(recorder: Recorder) -> tuple[dict[tuple[Frame, ...], list[int]], Callable[[str], bool]]:
    """When those samples were taken that are held, by stack, innermost frame first: on the steady clock, in
    nanoseconds, without native ones; and what tells whether a file is the program's own code. Raises NotStartedError.
    """
    sampling = recorder.sampling
    return live_births(sampling) if sampling is not None else ({}, bool)
