"""What memwatch itself costs, measured while it works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..backend.holds import Hold, holds_noted_by
from ..clock import Clock
from ..internal import internal


@internal
class Cost(NamedTuple):
    """`cpu_share` of one processor (0.004 is 0.4 %), the longest hold of the interpreter lock, walks and bytes kept.

    `child_seconds` is the processor time of forked children, which is no part of the share, and `copied_bytes` is how
    much at most was copied while one of them lived; `pause_budget_seconds` says how long a hold may be, 0 where that is
    not known. The longest hold is by the clock; `longest_work_seconds` is the most processor time that a hold took, for
    the rest of which memwatch waited for a processor.
    """

    cpu_share: float
    longest_pause_seconds: float
    censuses: int
    bytes: int
    child_seconds: float = 0.0
    pause_budget_seconds: float = 0.0
    copied_bytes: int = 0
    longest_work_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return self._asdict()


@internal
class Loaded:
    """What this process has loaded for memwatch while it was watched, each number written by whoever loads.

    `heap` and `resident` are bytes, `small` those of `heap` that are Python's small blocks, `modules` is the number of
    modules. While it loads, what the meters read is no more than `most`, base and resident memory as they were before:
    a peak of ours would hide growth of the program's.
    """

    def __init__(self, heap: int = 0, resident: int = 0, modules: int = 0, small: int = 0) -> None:
        self.heap, self.resident, self.modules, self.small = heap, resident, modules, small
        self.most: tuple[int, int] | None = None

    def less(self, before: Loaded) -> Loaded:
        """What has come since *before*."""
        heap, resident, modules = (
            self.heap - before.heap,
            self.resident - before.resident,
            self.modules - before.modules,
        )
        return Loaded(heap, resident, modules, self.small - before.small)


LOADED = Loaded()


@internal
class Ledger:
    """Adds up processor time of memwatch's thread (receivers excluded), pauses, walks of the heap and memory kept.

    `bytes` is what evidence holds now in the heap, `mapped` what it holds in mappings of its own; `resident` is what
    walks have added to resident memory, of which all but `mapped` stays when they are over. Written by memwatch's
    thread alone.
    """

    def __init__(self) -> None:
        self.started = Clock.monotonic()
        self.censuses = 0
        self.bytes = 0
        self.mapped = 0
        self.resident = 0
        self.longest_pause = self.longest_work = 0.0
        self.walked_seconds = 0.0
        self.child_seconds = 0.0
        self.copied_bytes = 0
        self.pause_budget = 0.0
        self._loaded_before = LOADED.less(Loaded())
        self.question: Ledger | None = None  # the ledger of a question that somebody has asked
        self.is_busy = False  # memwatch's thread, with what may take long
        self._before_fork = 0.0  # seconds for which the processes were watched that have forked this one
        self._ended_threads = 0.0
        self._this_thread = 0.0
        self._receivers = 0.0

    @property
    def age(self) -> float:
        """Seconds since watching began, here or in the process that has forked this one."""
        return Clock.monotonic() - self.started

    @property
    def life(self) -> float:
        """Seconds for which this process has been watched."""
        return self.age - self._before_fork

    def begin_anew(self) -> None:
        """This is a forked child: what was spent so far stays in the ledger, as does the time."""
        self.is_busy = False
        self._before_fork = self.age

    @property
    def held(self) -> tuple[int, int]:
        """What memwatch holds in the heap, and in resident memory, for whatever evidence there is."""
        ledgers = (self,) if self.question is None else (self, self.question)
        return sum(it.bytes for it in ledgers), sum(it.resident for it in ledgers)

    @property
    def loaded(self) -> Loaded:
        """What was loaded since watching began."""
        return LOADED.less(self._loaded_before)

    def settle(self, thread_ends: bool = False) -> None:
        """Enter the processor time of the calling thread so far."""
        self._this_thread = Clock.thread_time()
        if thread_ends:
            self._ended_threads, self._this_thread = self._ended_threads + self._this_thread, 0.0

    def hold(self, heap: int, mapped: int, resident: int) -> None:
        """Evidence was gathered, or more of it: its bytes, and what gathering it added to resident memory."""
        self.bytes += heap
        self.mapped += min(mapped, resident)
        self.resident += resident

    def let_go(self) -> None:
        """The evidence is gone, and its mappings were given back."""
        self.resident -= self.mapped
        self.bytes = self.mapped = 0

    def pause(self, seconds: float, work: float) -> None:
        """The interpreter lock was held for so long in one piece, by the clock; the thread that held it worked so much
        of that."""
        self.longest_pause = max(self.longest_pause, seconds)
        self.longest_work = max(self.longest_work, work)

    def collected(self, hold: Hold, elsewhere: bool) -> None:
        """The heap was collected on memwatch's behalf, maybe in another thread than memwatch's."""
        self.pause(hold.seconds, hold.work)
        self._ended_threads += hold.work if elsewhere else 0.0

    def child(self, work: float, copied: int = 0) -> None:
        """A forked child has looked, for so many seconds of processor time; so many bytes were copied at most while it
        lived."""
        self.child_seconds += work
        self.copied_bytes = max(self.copied_bytes, copied)

    @contextmanager
    def walk(self) -> Iterator[None]:
        """Around a walk of the heap; it is entered at once, for the report that it was made for, with its holds."""
        begun = Clock.thread_time()
        try:
            with holds_noted_by(self.pause):
                yield
        finally:
            self.settle()
            self.censuses += 1
            self.walked_seconds += self._this_thread - begun

    @contextmanager
    def receivers(self) -> Iterator[None]:
        """Around the program's own receivers, whose time is not memwatch's."""
        begun = Clock.thread_time()
        try:
            with self.busy():
                yield
        finally:
            self._receivers += Clock.thread_time() - begun

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Around what may take long: a verdict, or code that is not this room's."""
        before, self.is_busy = self.is_busy, True
        try:
            yield
        finally:
            self.is_busy = before

    def cost(self) -> Cost:
        """The whole cost as a value."""
        cpu = max(0.0, self._ended_threads + self._this_thread - self._receivers)
        asked = self.question.bytes + self.question.mapped if self.question is not None else 0
        share, kept = cpu / max(self.age, 1e-9), self.bytes + self.mapped + asked
        seconds, copied = self.child_seconds, self.copied_bytes
        pause, budget, work = self.longest_pause, self.pause_budget, self.longest_work
        return Cost(share, pause, self.censuses, kept, seconds, budget, copied, work)
