"""What does the watcher's thread do beside watching? Calls at a certain time, and calls at every tick."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..clock import Clock
from ..errors import describe_error
from ..internal import internal
from ..logs import Log
from .cost import Ledger
from .sample import Sample
from .thread import forget_dummy

_log = Log()


@internal
class Later(NamedTuple):
    """A call, and the time for it on the steady clock."""

    due: float
    function: Callable[[], object]


@internal
class Agenda:
    """Calls in the order of their times. All is done by the watcher's thread."""

    def __init__(self, now: Callable[[], float] = Clock.monotonic) -> None:
        self._now = now
        self._calls: list[Later] = []

    def add(self, later: Later) -> None:
        """Have it called when it is due."""
        self._calls.append(later)
        self._calls.sort(key=lambda call: call.due)

    def remaining(self) -> float:
        """Seconds until the next one is due, 0 if it is."""
        return max(0.0, self._calls[0].due - self._now()) if self._calls else float("inf")

    def call_due(self, ledger: Ledger) -> None:
        """Make the calls that are due. One that fails is logged."""
        while self._calls and self._calls[0].due <= self._now():
            function = self._calls.pop(0).function
            try:
                with ledger.busy():
                    function()
            except Exception as error:
                _log.error("memwatch could not do what it was asked for: %s", describe_error(error))
            forget_dummy()


AtTick = Callable[[Sample], Iterable[Callable[[], object]]]
"""Gets the sample of a tick; the calls that it returns are made as those of receivers are."""


def call_at_tick(functions: list[AtTick], sample: Sample, ledger: Ledger) -> None:
    """Call *functions* with *sample*. Those that fail are taken out, and the failure is logged; other threads may add
    some meanwhile."""
    for function in tuple(functions):
        if not _calls(function, sample, ledger):
            functions.remove(function)


def _calls(function: AtTick, sample: Sample, ledger: Ledger) -> bool:
    try:
        with ledger.busy():
            calls = tuple(function(sample))
        for call in calls:
            with ledger.receivers():
                call()
            forget_dummy()
    except Exception as error:
        _log.error("memwatch no longer does this at each tick: %s", describe_error(error))
        return False
    return True
