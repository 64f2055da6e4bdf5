"""Entries that wait in memory to be written: at most an hour of readings, and 4 MiB of everything else."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from ..internal import internal
from .store import Entry, Profiled, Reading, Reported

_MOST_READINGS = 3600
_MOST_EVENTS = 256
_MOST_BYTES = 4 << 20  # of reports and profiles


@internal
class Waiting:
    """Entries in the order in which they came, readings after all others.

    If there are too many, the oldest are dropped; `lost` counts these.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._readings: deque[Reading] = deque()
        self._events: deque[Entry] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._readings) + len(self._events)

    def __iter__(self) -> Iterator[Entry]:
        yield from tuple(self._events)
        yield from tuple(self._readings)

    def add(self, entry: Entry) -> None:
        """Keep *entry* until it is written."""
        if isinstance(entry, Reading):
            self._readings.append(entry)
            if len(self._readings) > _MOST_READINGS:
                self._readings.popleft()
                self.lost += 1
            return
        self._events.append(entry)
        self._bytes += _size(entry)
        while len(self._events) > 1 and (len(self._events) > _MOST_EVENTS or self._bytes > _MOST_BYTES):
            self._bytes -= _size(self._events.popleft())
            self.lost += 1

    def clear(self) -> None:
        """Forget all entries: they are written."""
        self._readings.clear()
        self._events.clear()
        self._bytes = 0


def _size(entry: Entry) -> int:
    if isinstance(entry, Profiled):
        return len(entry.content)
    return len(entry.report) + len(entry.text) + len(entry.page) if isinstance(entry, Reported) else 0
