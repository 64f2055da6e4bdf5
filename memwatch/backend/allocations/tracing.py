"""Live allocations by tracemalloc, which traces each one: exact, and expensive.

tracemalloc belongs to the whole process, so it is shared: what was traced before is subtracted, stack by stack; tracing
that already runs is neither stopped nor cleared.

The lists come from `_tracemalloc._get_traces`, as those of the documented `take_snapshot` do: building its objects
takes twenty times as long (for a million traces 14 to 18 s instead of 0.8 s). Reading holds the interpreter while C
copies the traces (0.3 us and 130 bytes each, until they are grouped); the rest is Python, and other threads run in
between. Grouping allocates next to nothing, since that would be traced too.
"""

from __future__ import annotations

import _tracemalloc
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import cast

from ...errors import NotStartedError, UnsupportedError
from ...internal import internal
from ..process import is_main_interpreter
from ..quiet import quiet
from .frame_filter import FrameFilter, RawFrame
from .function_names import Naming
from .live import LiveHeap, LiveStack

SOURCE = "tracemalloc"

_GONE = (
    "the allocations are not traced any more: the program has called tracemalloc.stop(). "
    "Call memwatch.profile.start() to begin anew"
)
_SHARED = (
    "tracemalloc was running before this profile was started: what was held then is subtracted stack by stack, "
    "so what a stack replaced since does not show"
)
_CLEARED = "the program has cleared or restarted tracemalloc: what was allocated before that is not in this profile"

Sizes = dict[int, int]
"""How many blocks there are by their size in bytes."""

Counts = tuple[tuple[int, int], ...]
"""The same as pairs, (size, how many)."""

Stack = tuple[RawFrame, ...]
Groups = dict[Stack, tuple[list[int], int]]
"""By stack, innermost frame first: the sizes of its blocks in bytes, and how deep it really was."""

_traces = cast(Callable[[], list[tuple[int, int, Stack, int]]], _tracemalloc._get_traces)
"""Domain, size, frames, and how many frames there were, of every block."""


@internal
class Tracing:
    """tracemalloc between `start` and `stop`, as `live.AllocationSource` says."""

    def __init__(self) -> None:
        self._naming = Naming()
        self._asked_depth = 0
        self._limit = 0
        self._ours = False
        self._cleared = False
        self._baseline: dict[int, Sizes] = {}
        self._mark: object = None

    @property
    def name(self) -> str:
        """What profiles call it."""
        return SOURCE

    @property
    def running(self) -> bool:
        """Whether allocations are traced on our behalf."""
        return self._mark is not None and _tracemalloc.is_tracing()

    def start(self, sample_interval: int, stack_depth: int) -> None:
        """Trace from now on. The interval is the sampler's; here every allocation is seen."""
        if not is_main_interpreter():
            raise UnsupportedError("tracemalloc serves the whole process; a profile is started in its main interpreter")
        self._ours = not _tracemalloc.is_tracing()
        self._cleared = False
        self._asked_depth = stack_depth
        self._baseline = {}
        if self._ours:
            _tracemalloc.start(stack_depth)
        else:
            with quiet:
                self._baseline = {hash(frames): dict(_count(sizes)) for frames, (sizes, _) in _group().items()}
        self._limit = _tracemalloc.get_traceback_limit()
        self._mark = object()

    def stop(self) -> None:
        """End the tracing if it is ours to end."""
        if self.running:
            self._notice_clearing()
        self._mark = None
        self._baseline = {}
        if self._ours:
            self._ours = False
            _tracemalloc.stop()

    def read(self) -> LiveHeap:
        """What the program holds of what it allocated since the start."""
        if not self.running:
            raise NotStartedError(_GONE)
        with quiet:
            self._notice_clearing()
            groups = _group()
            self._shrink_baseline(groups)
            stacks, cut = self._own_left_out(groups)
            groups.clear()
            named, unread = self._naming.name([frames for frames, _ in stacks])
            live = [
                LiveStack(places, sizes, sum(count for _, count in sizes))
                for places, (_, sizes) in zip(named, stacks, strict=True)
            ]
        return LiveHeap(tuple(live), SOURCE, 1, min(self._limit, self._asked_depth), self._notes(cut, unread))

    def _notice_clearing(self) -> None:
        """Notice if somebody has cleared the traces, and if tracemalloc is still ours. A clearing and a restart look
        the same, except for the number of frames that a restart asks for."""
        if _tracemalloc._get_object_traceback(self._mark) is None:
            self._cleared = True
            self._baseline = {}
            limit = _tracemalloc.get_traceback_limit()
            self._ours = self._ours and limit == self._limit
            self._limit = limit
            self._mark = object()

    def _shrink_baseline(self, groups: Groups) -> None:
        """Forget what has been freed of the baseline: it does not come back, and need not be subtracted later."""
        if self._baseline:
            kept = {}
            for frames, (sizes, _) in groups.items():
                before = self._baseline.get(hash(frames))
                if before:
                    kept[hash(frames)] = {size: min(n, before[size]) for size, n in _count(sizes) if size in before}
            self._baseline = kept

    def _own_left_out(self, groups: Groups) -> tuple[list[tuple[Stack, Counts]], int]:
        """The program's stacks, outermost frame first, each with its sizes; and how many blocks have a cut stack."""
        frame_filter = FrameFilter()
        merged: dict[Stack, list[tuple[int, int]]] = {}
        cut = 0
        for frames, (sizes, depth) in groups.items():
            part = frame_filter.program_part(frames[: self._asked_depth])
            counts = _subtract(_count(sizes), self._baseline.get(hash(frames))) if part else []
            if counts:
                merged.setdefault(tuple(reversed(part)), []).extend(counts)
                cut += sum(count for _, count in counts) if depth > self._asked_depth or depth > len(frames) else 0
        return [(frames, _sum(counts)) for frames, counts in merged.items()], cut

    def _notes(self, cut: int, unread: int) -> tuple[str, ...]:
        notes = []
        if self._limit < self._asked_depth:
            notes.append(f"tracemalloc keeps {self._limit} frames of a stack, not {self._asked_depth}")
        if self._cleared:
            notes.append(_CLEARED)
        elif not self._ours:
            notes.append(_SHARED)
        if cut:
            depth = min(self._limit, self._asked_depth)
            notes.append(f"the paths of {cut:,} allocations are longer than {depth} frames; the outermost are missing")
        if unread:
            notes.append(f"{unread:,} files were not read for the names of functions: that would have taken too long")
        return tuple(notes)


def _group() -> Groups:
    """All blocks by their stacks.

    The stacks themselves are the keys, not their addresses: a new number for each block would be traced at the cost of
    the caller's whole stack, while a stack that many blocks share is found by identity.
    """
    groups: Groups = {}
    find = groups.get
    for _, size, frames, depth in _traces():
        found = find(frames)
        if found is None:
            found = groups[frames] = ([], depth)
        found[0].append(size)
    return groups


def _count(sizes: list[int]) -> list[tuple[int, int]]:
    """*sizes* as (size, how many), smallest first; sorts them."""
    sizes.sort()
    counted, start = [], 0
    while start < len(sizes):
        end = bisect_right(sizes, sizes[start], start)
        counted.append((sizes[start], end - start))
        start = end
    return counted


def _subtract(counts: list[tuple[int, int]], before: Sizes | None) -> list[tuple[int, int]]:
    """The increase since before; where there is less than before, nothing."""
    if not before:
        return counts
    left = [(size, count - before.get(size, 0)) for size, count in counts]
    return [(size, count) for size, count in left if count > 0]


def _sum(counts: Iterable[tuple[int, int]]) -> Counts:
    total: Sizes = {}
    for size, count in counts:
        total[size] = total.get(size, 0) + count
    return tuple(sorted(total.items()))
