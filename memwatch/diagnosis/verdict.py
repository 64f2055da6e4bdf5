"""What kind of growth it is, from meters that see different things.

Python's block count sees small objects, the C allocator's bytes see large ones and native memory, resident memory sees
all that and free room, a walk of the heap sees what Python can reach. Their disagreement is the verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..backend.meters.collector import COMES_FULL
from ..backend.meters.meters import EXACT
from ..backend.meters.resident import Mapped
from ..watch import Growth, Sample
from ..watch.straight_line import fit_line
from .account import Account, Kind

HALF = 0.5
_SEVERAL_THREADS = 5
_THREAD = 1 << 19  # bytes of a stack and an arena that become resident
_KINDS: tuple[Kind, ...] = ("objects", "untracked", "native")
_LONG = 0.1  # of the window of the growth: a shorter time since tells nothing
_POINTS = 8
_ERRORS = 2.0  # standard errors of the slope
_MUCH = 0.01  # of the base
_FASTER = 3  # times the growth that goes on
_SLOWED = 0.25  # of what came before


def classify(growth: Growth, samples: Sequence[Sample], account: Account) -> str:
    """The kind: "objects", "untracked", "native", "fragmentation"; "unknown" where nothing has shown it.

    *samples* are the past, oldest first; *account* is what a walk and the sampled allocations say of the growth. The
    meters alone show resident memory that neither allocator has given out, unless a walk has met it in blocks whose
    sizes they cannot read. They also divide what a walk does not
    explain into Python's blocks, to which nothing refers then, and the C allocator's; without a walk what no sample
    explains.
    """
    window = [s for s in samples if s.time >= growth.start] or list(samples[-1:])
    first, last = window[0], window[-1]
    base_growth, rss_growth = last.base - first.base, last.rss - first.rss
    shown = {kind: account.shown(kind) for kind in _KINDS}
    is_met = not EXACT and account.walked and shown["objects"] >= HALF * account.total
    if growth.meter == "rss" and base_growth < HALF * rss_growth and not is_met:
        peak = max(s.base for s in samples)
        return "fragmentation" if peak - last.base >= HALF * rss_growth else "native"
    if sum(shown.values()) >= HALF * account.total:
        return max(_KINDS, key=lambda kind: shown[kind])
    in_blocks = last.small - first.small >= HALF * base_growth
    if account.walked:
        if not in_blocks:
            return "native"
        would_be_sampled = account.sampled and shown["objects"] > shown["untracked"]
        return "objects" if would_be_sampled else "untracked"
    if account.typed >= max(HALF * account.total, shown["native"]):
        return "objects"
    return "native" if account.sampled and _has_native_growth(first, last) and not in_blocks else "unknown"


def _has_native_growth(first: Sample, last: Sample) -> bool:
    """Whether the C allocator gave out most of it."""
    if first.native is None or last.native is None:
        return False
    return last.native - first.native >= HALF * (last.base - first.base)


def follows_peak(growth: Growth, samples: Sequence[Sample]) -> bool:
    """Whether `base` itself rose within the window by most of the growth, and fell again: the process keeps the room.

    Garbage that waits for its collection does that, and any piece of work that is larger than those before. Where
    resident memory goes on rising without such a peak, it is fragmented.
    """
    window = [s.base for s in samples if s.time >= growth.start]
    return bool(window) and max(window) - window[0] >= HALF * growth.growth


def writes_to_its_own(growth: Growth, samples: Sequence[Sample]) -> bool:
    """Whether resident memory grows into what had been asked for before: a large array of zeros, a stack, a pool.

    The system gives pages as they are written to. What was asked for and not written to is at least the part of `base`
    that was not resident as the growth began.
    """
    first = next((s for s in samples if s.time >= growth.start), samples[-1])
    return growth.meter == "rss" and first.base - first.rss >= HALF * growth.growth


def reads_its_files(growth: Growth, grew: int, before: Mapped | None, now: Mapped | None) -> bool:
    """Whether most of *grew* bytes of resident memory are pages of files, or shared ones, that had addresses before.

    A database in a mapped file, or a ring in shared memory, comes into memory page by page. Segments that are made
    anew have new addresses.
    """
    if growth.meter != "rss" or before is None or now is None or grew <= 0:
        return False
    return now.shared - before.shared >= HALF * grew and now.total - before.total < HALF * grew


def belongs_to_threads(growth: Growth, grew: int, came: int) -> bool:
    """Whether *grew* bytes of resident memory are no more than the stacks and the C library's arenas of *came* new
    threads. What leaks threads leaks their objects, too, which resident memory alone does not tell."""
    return growth.meter == "rss" and came >= _SEVERAL_THREADS and grew <= came * _THREAD


def is_past_python(growth: Growth, samples: Sequence[Sample]) -> bool:
    """Whether Python's blocks account for less than half of *growth*: C code, or large objects, have the rest."""
    first = next((s for s in samples if s.time >= growth.start), samples[-1])
    return samples[-1].small - first.small < HALF * growth.growth


def has_stopped(growth: Growth, samples: Sequence[Sample], since: float) -> bool:
    """Whether *growth* ended before the time *since*: a straight line through the readings that came after is, within
    its error, less than half as steep. What grows from day to day may fall for hours, and is not asked."""
    if growth.detector != "ratchet":
        return False
    points = [(s.time - since, float(s.reading(growth.meter))) for s in samples if s.time >= since]
    if len(points) < _POINTS or growth.seconds <= 0 or points[-1][0] < _LONG * growth.seconds:
        return False
    line = fit_line(points)
    return line.slope + _ERRORS * line.error < HALF * growth.growth / growth.seconds


def has_slowed(samples: Sequence[Sample], since: float) -> bool:
    """Whether nearly all that `base` has grown by *since* that time came in the first half of it."""
    points = [s for s in samples if s.time >= since]
    if len(points) < _POINTS:
        return False
    middle = next(s for s in points if s.time >= (since + points[-1].time) / 2)
    first, second = middle.base - points[0].base, points[-1].base - middle.base
    return first >= _MUCH * points[0].base and second < _SLOWED * first


def holds_start_up(growth: Growth, came: int, seconds: float) -> bool:
    """Whether most of the *came* bytes of so many *seconds* came before *growth* began, and far faster."""
    earlier, before = came - growth.growth, seconds - growth.seconds
    return before > 0 and earlier >= HALF * came > 0 and earlier * growth.seconds >= _FASTER * growth.growth * before


def is_garbage(growth: Growth, samples: Sequence[Sample], freed: int) -> bool:
    """Whether the verdict is "garbage": most of *growth* was, if a full collection just freed *freed* bytes. An early
    candidate is not asked, as there is time to see what comes of it."""
    return growth.level != "early" and garbage_share(growth, samples, freed) >= HALF


def garbage_share(growth: Growth, samples: Sequence[Sample], freed: int) -> float:
    """How much of *growth* was garbage, if a full collection just freed *freed* bytes; about 0 to 1.

    Garbage had gathered since the last full collection, which may be longer ago than the window began. It is taken to
    have come evenly, so the window's part of it is its part of that time. Where full collections do not come by
    themselves, others have taken what was there before the window.
    """
    last = samples[-1]
    since = next((s.time for s in reversed(samples) if s.full < last.full), samples[0].time)
    if not COMES_FULL:
        since = max(since, growth.start)
    gathered = max(last.time - since, growth.seconds, 1e-9)
    return freed * growth.seconds / gathered / max(growth.growth, 1)
