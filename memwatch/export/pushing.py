"""Sends something to a receiver from time to time, at ticks of the watcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .. import signals
from ..clock import Clock
from ..internal import internal
from .libraries import logged_once

if TYPE_CHECKING:
    from .outbox import Outbox

Request = tuple[bytes, Mapping[str, str], str]
"""Body, headers, and what is added to the URL."""


@internal
class Pusher:
    """From `start` to `stop` puts what *make* returns into *box* every so many seconds. *what* stands in warnings."""

    def __init__(self, what: str, box: Outbox, make: Callable[[], Request], every: float) -> None:
        self.box = box
        self._what, self._make, self._every = what, make, every
        self._due = Clock.monotonic() + every

    def start(self) -> None:
        """Begin, and start to watch if nobody does."""
        signals.tick.connect(self.tick, weak=False)
        signals.Event.on_receiver()

    def stop(self) -> None:
        """Send no more; a request under way goes on."""
        signals.tick.disconnect(self.tick)
        self.box.close(0.0)

    def tick(self, sender: object, tick: object) -> None:
        """Receiver of `signals.tick`. Never raises."""
        if Clock.monotonic() >= self._due:
            self._due = Clock.monotonic() + self._every
            self.push()

    def push(self) -> None:
        """Make it and send it now. Never raises."""
        with logged_once(self._what):
            self.box.put(*self._make())
