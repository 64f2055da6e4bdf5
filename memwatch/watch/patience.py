"""How long memwatch waits for its own thread and for receivers, in seconds; then it goes on without them."""

from __future__ import annotations

from collections.abc import Callable

from ..clock import Clock
from ..internal import internal

GC_PATIENCE = 5.0  # gc() waits for its events to be delivered
JUDGE_PATIENCE = 10.0  # of the judge's processor time, after which a leak goes out with what is known
JUDGE_LONGEST = 300.0  # the same by the wall clock, on a machine that has no processor to spare
PARK_PATIENCE = 0.05  # a fork waits for the thread
LAST_PATIENCE = 0.7  # the same, for what is found while the program ends
EXIT_PATIENCE = 1.0  # the exit waits for the thread


@internal
class Patience:
    """How long one verdict may take. It is counted in processor time of the judge's thread, so that what a report names
    does not depend on how busy the machine is. *monotonic* and *thread_time* are the clocks.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = Clock.monotonic,
        thread_time: Callable[[], float] = Clock.thread_time,
    ) -> None:
        self._monotonic, self._thread_time = monotonic, thread_time
        self._until = self._work = 0.0

    def begin(self, last: bool) -> None:
        """The judge starts to work on a verdict; *last* says that the program ends."""
        self._until = self._monotonic() + (LAST_PATIENCE if last else JUDGE_LONGEST)
        self._work = self._thread_time() + JUDGE_PATIENCE

    def shorten(self) -> None:
        """The program ends: called from any thread."""
        self._until = min(self._until, self._monotonic() + LAST_PATIENCE)

    def is_over(self) -> bool:
        """Whether the leak goes out with what is known; asked by the judge's thread."""
        return self._monotonic() > self._until or self._thread_time() > self._work
