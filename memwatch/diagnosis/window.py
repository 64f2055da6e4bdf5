"""By how much each meter grew in the window of a growth, in true bytes.

Where the arenas do not tell what Python's blocks hold, each counts 96 bytes, which is up to six times too much or too
little. A walk knows it of what came: then the growth that is told is put right by it, and so is the rate. The readings
themselves never are, or the growth would change with what is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..backend.meters.meters import BYTES_PER_BLOCK, EXACT
from ..heap import Diff
from ..watch import Growth, Sample

Read = Callable[[Sample], int]

_SMALL = 512  # bytes: larger blocks are malloc's
_STEP = 16
_BLOCKS = 2  # that an object has at most, as a rule: itself, and what it keeps beside it


def grew(growth: Growth, samples: Sequence[Sample], read: Read) -> int:
    """By how much what *read* gives rose in the window; *samples* are the past, oldest first, and may be sparse."""
    return round(_at(growth.end, samples, read) - _at(growth.start, samples, read))


def resident_growth(growth: Growth, samples: Sequence[Sample]) -> int:
    """The bytes by which resident memory grew meanwhile."""
    return growth.growth if growth.lane == "rss" else grew(growth, samples, lambda sample: sample.rss)


def put_right(growth: Growth, samples: Sequence[Sample], excess: float) -> Growth:
    """*growth* without what counts too much, *excess* for each byte that small blocks were taken for."""
    if not excess or growth.lane != "base":
        return growth
    small = grew(growth, samples, lambda sample: sample.small)
    return replace(growth, growth=max(1, round(growth.growth - excess * small)))


def excess_of(diff: Diff | None, small: int) -> float:
    """How much too much a byte of the *small* ones counts that came since the suspicion, by a deep walk: 0.0 if none.

    What the walk has met is counted as what it takes; blocks beyond that are none of its objects, and count 96 bytes.
    """
    if EXACT or diff is None or small <= 0:
        return 0.0
    rows = [row for row in diff.change.details if row.net > 0 and row.size_bytes > 0]
    met = sum(_BLOCKS * row.net for row in rows)
    true = sum(_given(row.size_bytes, row.net) for row in rows if row.size_bytes <= _SMALL * row.net)
    return 1 - (true + max(0, small - BYTES_PER_BLOCK * met)) / small


def _given(size: int, objects: int) -> int:
    """What the allocator gives for objects of so many bytes together: a multiple of 16 for each."""
    return (size // objects + _STEP - 1) // _STEP * _STEP * objects


def _at(moment: float, samples: Sequence[Sample], read: Read) -> float:
    """What was read at a *moment*, between two samples in proportion."""
    after = next((place for place, sample in enumerate(samples) if sample.time >= moment), len(samples) - 1)
    last, before = samples[after], samples[max(after - 1, 0)]
    if last.time <= moment or last.time <= before.time or moment <= before.time:
        return read(last) if last.time <= moment else read(before)
    return read(before) + (read(last) - read(before)) * (moment - before.time) / (last.time - before.time)
