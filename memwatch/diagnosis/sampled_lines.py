"""The lines of one suspicion: what the recorder has sampled since, and is still there."""

from __future__ import annotations

from ..backend.allocations.recorded import read_recorded
from ..backend.allocations.recorder import Recorder
from ..clock import Clock
from ..errors import describe_error
from ..heap import Snapshot
from .lines import Lines

_FEW = 0.1  # of what grew: samples for so little say nothing of the rest


def lines_since(
    recorder: Recorder, after: Snapshot | None, times: tuple[int, int], grew: int, missing: list[str]
) -> Lines:
    """What was allocated since the suspicion, the growth's window where there was none, and before *after*.

    *times* are its begin and its end, on the steady clock in nanoseconds. If samples taken before the end explain less
    than 10 % of the *grew* bytes, as with a buffer that is reallocated again and again, all samples up to now are used.
    What could not be read is added to *missing*.
    """
    if recorder.problem:
        missing.append(f"allocations were not sampled: {recorder.problem}")
        return Lines()
    since, until = times
    try:
        samples, is_app = read_recorded(recorder, since, until)
        if sum(it.size_bytes for it in samples) < _FEW * grew:
            after, until = None, Clock.monotonic_ns()
            samples, is_app = read_recorded(recorder, since, until)
    except Exception as error:  # somebody else has ended it, or there is no memory
        missing.append(f"no allocating lines: {describe_error(error)}")
        return Lines()
    is_known = after.contains if after is not None and after.deep else None
    return Lines(samples, is_app, is_known, recorder.finest, since, until)
