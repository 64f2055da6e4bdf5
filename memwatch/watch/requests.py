"""What other threads ask of the watcher's thread, through its queue."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..internal import internal
from .sample import Sample


@internal
class Forced(NamedTuple):
    """A collection that `collect` made: its reading, and the lock that is released when its events are delivered.

    `is_nested` says that a receiver asked for it.
    """

    sample: Sample
    delivered: Any
    is_nested: bool


@internal
class Halt:
    """Asks the thread to end: for good, or parked for a fork; `over` says that the fork is done."""

    def __init__(self, final: bool) -> None:
        self.final = final
        self.over = False
