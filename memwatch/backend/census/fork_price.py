"""For how long will a fork hold the program? It copies the page tables of private memory: entries, and the tables.

How many there are the kernel tells (/proc/self/statm and status). How long each takes depends on the machine, and on
who else uses its caches: 0.12 to 0.4 microseconds a page. To count the pages (/proc/self/smaps_rollup) the kernel goes
through the same tables, and takes about as long, while the program runs. So that is measured at first, and where the
last fork was long ago; else the price of the forks themselves is known.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from ...clock import Clock
from ...internal import internal

PAGE_BYTES = 4096
PAGE_SECONDS = 1.6e-7
"""Seconds of processor time for a page, where nothing can be measured."""

_FASTEST = 0.5  # of that
_TABLE_PAGES = 512  # pages that one table has entries for
_SPARSE = 33  # pages that a table with hardly any costs as much as, such as that of a thread's stack
_SPARSE_COUNTED = 13  # the same where they are counted
_DEARER = 1.1  # times: a fork than the counting
_SOON = 60.0  # seconds for which a price is believed
_RARELY = 1000  # times what counting takes, until pages are counted again
_HUGE_KIB = 2048
_STATM, _STATUS = Path("/proc/self/statm"), Path("/proc/self/status")
_ROLLUP = Path("/proc/self/smaps_rollup")


@internal
class Tables(NamedTuple):
    """What a fork copies: entries for so many private `pages`, huge ones among them, and tables with few entries."""

    pages: int
    sparse: int


class Kernel(Protocol):
    """What is asked of the kernel; this module's functions for all but tests."""

    def read_tables(self) -> Tables | None: ...

    def count_huge(self) -> tuple[int, float]: ...


def read_tables() -> Tables | None:
    """What a fork would copy now; None where that is not known."""
    try:
        _, resident, shared, *_ = map(int, _STATM.read_text(encoding="utf-8").split())
        _, _, kib = _STATUS.read_text(encoding="utf-8").partition("VmPTE:")
        tables = int(kib.split(maxsplit=1)[0]) * 1024 // PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return None
    return Tables(max(0, resident - shared), max(0, tables - resident // _TABLE_PAGES))


def count_huge() -> tuple[int, float]:
    """How many pages need no entries of their own, as parts of huge ones; and the seconds of processor time that
    counting took. No pages and no time where they cannot be counted."""
    begun = Clock.thread_time()
    try:
        lines = _ROLLUP.read_text(encoding="utf-8").splitlines()
        found = next((int(line.split()[1]) for line in lines if line.startswith("AnonHugePages:")), 0)
    except (OSError, ValueError, IndexError):
        return 0, 0.0
    return found // _HUGE_KIB * _TABLE_PAGES, Clock.thread_time() - begun


@internal
class ForkPrice:
    """What a fork of this process takes. `pages` is how many entries it copies, by the last question."""

    def __init__(self, kernel: Kernel) -> None:
        self.pages = 0
        self._kernel = kernel
        self._sparse = self._huge = 0
        self._page_seconds = PAGE_SECONDS
        self._known_until = self._counted_until = float("-inf")

    def expected(self) -> float | None:
        """The seconds of processor time that a fork is expected to take; None where that is not known."""
        tables = self._kernel.read_tables()
        if tables is None:
            return None
        now = Clock.monotonic()
        if now >= max(self._known_until, self._counted_until):
            self._count(tables, now)
        self.pages, self._sparse = max(0, tables.pages - self._huge), tables.sparse
        return self._page_seconds * (self.pages + _SPARSE * self._sparse)

    def paid(self, seconds: float) -> None:
        """A fork took so many seconds of processor time. That is noisy, so half of it is believed."""
        rate = seconds / max(1, self.pages + _SPARSE * self._sparse)
        self._learn((self._page_seconds + rate) / 2, Clock.monotonic())

    def _count(self, tables: Tables, now: float) -> None:
        self._huge, seconds = self._kernel.count_huge()
        self._counted_until = now + _RARELY * seconds
        counted = max(0, tables.pages - self._huge) + _SPARSE_COUNTED * tables.sparse
        self._learn(_DEARER * seconds / max(1, counted) if seconds else PAGE_SECONDS, now)

    def _learn(self, rate: float, now: float) -> None:
        self._page_seconds, self._known_until = max(_FASTEST * PAGE_SECONDS, rate), now + _SOON
