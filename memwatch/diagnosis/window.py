"""By how much each meter grew in the window of a growth, in true bytes.

Where the arenas do not tell what Python's blocks hold, each counts 96 bytes, which is up to six times too much or too
little. A walk knows it of what came: then the growth that is reported is corrected by it, and so is the rate. The
readings themselves never are, or the growth would change with what is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..backend.meters.allocator import LARGEST_SMALL, given
from ..backend.meters.meters import BYTES_PER_BLOCK, EXACT
from ..watch import Growth, Sample
from .classes import sizes_alike

Read = Callable[[Sample], int]

_BLOCKS = 2  # that an object has at most, as a rule: itself, and what it keeps beside it


def grew(growth: Growth, samples: Sequence[Sample], read: Read) -> int:
    """By how much what *read* gives rose in the window; *samples* are the past, oldest first, and may be sparse."""
    return round(_at(growth.end, samples, read) - _at(growth.start, samples, read))


def resident_growth(growth: Growth, samples: Sequence[Sample]) -> int:
    """The bytes by which resident memory grew meanwhile."""
    return growth.growth if growth.meter == "rss" else grew(growth, samples, lambda sample: sample.rss)


def put_right(growth: Growth, samples: Sequence[Sample], excess: float, objects: bool = False) -> Growth:
    """*growth* without what counts too much, *excess* for each byte that small blocks were taken for.

    Where it is known to be *objects*, growth of resident memory is told as theirs if that is more: they fill room that
    the process had before they make it grow.
    """
    if not excess or not (growth.meter == "base" or objects):
        return growth
    more, small = growth.growth, grew(growth, samples, lambda sample: sample.small)
    if growth.meter == "rss":
        more = grew(growth, samples, lambda sample: sample.base)
    right = max(1, round(more - excess * small))
    if growth.meter == "base":
        return growth._replace(growth=right)
    before = round(_at(growth.start, samples, lambda sample: sample.base))
    return growth._replace(meter="base", before=before, growth=right) if right > growth.growth else growth


def readings_right(samples: Sequence[Sample], excess: float) -> tuple[Sample, ...]:
    """*samples* whose base has risen by what small blocks take, without the *excess* that `put_right` takes off."""
    if not excess:
        return tuple(samples)
    first = samples[0].small
    return tuple(it._replace(base=round(it.base - excess * (it.small - first))) for it in samples)


def excess_of(met: Iterable[tuple[int, int]], small: int) -> float:
    """How much too much a byte of the *small* ones counts that came since the suspicion; 0.0 where nothing was *met*.

    *met* has the bytes and the number of the objects of each type. They count as what they take; blocks beyond them
    count 96 bytes each. A walk takes its time, so that it may meet more objects than there were blocks at the reading
    before it: then all of these were such objects.
    """
    grown = [(size, objects) for size, objects in met if size > 0 and objects > 0]
    if EXACT or not grown or small <= 0:
        return 0.0
    came = small / BYTES_PER_BLOCK
    own = [(size, objects) for size, objects in grown if size <= LARGEST_SMALL * objects]
    true = sum(_given(size, objects) for size, objects in own)
    late = max(1.0, sum(objects for _, objects in own) / came)
    beyond = max(0.0, came - _BLOCKS * sum(objects for _, objects in grown))
    return 1 - (true / late + BYTES_PER_BLOCK * beyond) / small


def by_size(size_bytes: int, counts: Mapping[str, int]) -> list[tuple[int, int]]:
    """Bytes and number of the objects of each type in *counts*, of which all together take *size_bytes*: as far as each
    object of the type takes the same, and of the others together."""
    sizes = sizes_alike(counts)
    alike = [(sizes[label] * count, count) for label, count in counts.items() if label in sizes]
    rest = size_bytes - sum(size for size, _ in alike), sum(counts.values()) - sum(count for _, count in alike)
    return [*alike, rest] if rest[0] >= 0 else [(size_bytes, sum(counts.values()))]


def _given(size: int, objects: int) -> int:
    """What the allocator gives for objects of so many bytes together: a multiple of 16 for each."""
    return given(size // objects) * objects


def _at(moment: float, samples: Sequence[Sample], read: Read) -> float:
    """What was read at a *moment*, between two samples in proportion."""
    after = next((place for place, sample in enumerate(samples) if sample.time >= moment), len(samples) - 1)
    last, before = samples[after], samples[max(after - 1, 0)]
    if last.time <= moment or last.time <= before.time or moment <= before.time:
        return read(last) if last.time <= moment else read(before)
    return read(before) + (read(last) - read(before)) * (moment - before.time) / (last.time - before.time)
