"""Records which types grow while growth is suspected, even if no leak is reported in the end."""

from __future__ import annotations

from .. import default
from ..clock import Clock, steady_epoch
from ..internal import internal
from .store import Growing
from .writer import Writer

_LOOKS_APART = 15.0  # seconds


@internal
class TypeGrowth:
    """Writes, at ticks, how types have grown since a suspicion began, whenever the judge has looked again."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._due = 0.0
        self._since = 0.0
        self._rows: tuple[tuple[str, int, int], ...] = ()

    def tick(self) -> None:
        """Ask the judge every few seconds while growth is suspected."""
        now, judge = Clock.monotonic(), default.loader().judge
        if now < self._due or judge is None:
            return
        self._due = now + _LOOKS_APART
        rows = judge.growing()
        if rows and not self._rows:
            self._since = steady_epoch()
        if rows and rows != self._rows:
            self._writer.keep(Growing(steady_epoch(), self._since, rows))
        self._rows = rows
