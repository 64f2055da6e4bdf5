"""The four events, and how they reach their receivers.

Each event is a blinker signal whose receivers are called as ``receiver(watcher, <event>=value)``; `on` is the short
way, with the value alone. Publishing isolates receivers: one that raises is logged once and the others still get the
event; a coroutine function is scheduled on the loop that ran when it was connected.
"""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable
from typing import Any, TypeVar, overload

import blinker

from .errors import ReceiverError, UnknownEventError

Handler = TypeVar("Handler", bound=Callable[..., Any])

_log = logging.getLogger("memwatch")
_loops: dict[int, Any] = {}
_faulty: set[int] = set()
_handlers: list[tuple[str, Callable[..., Any], Callable[..., Any]]] = []


def _nothing() -> None:
    pass


class Event(blinker.Signal):
    """A signal that tells `on_first_receiver` when a receiver is connected, so that watching can begin."""

    on_first_receiver: Callable[[], object] = staticmethod(_nothing)

    def __init__(self, name: str, doc: str) -> None:
        super().__init__(doc)
        self.name = name

    def connect(self, receiver: Handler, sender: Any = blinker.ANY, weak: bool = True) -> Handler:
        """Connect *receiver*, weakly unless ``weak=False``; it is called as ``receiver(watcher, <event>=value)``.

        Raises ReceiverError for what cannot be called, and for a coroutine function where no event loop runs.
        """
        _check_receiver(receiver)
        super().connect(receiver, sender, weak)
        Event.on_first_receiver()
        return receiver


def _check_receiver(receiver: object) -> None:
    if not callable(receiver):
        raise ReceiverError(f"a receiver is a callable, not {type(receiver).__qualname__}")
    if inspect.iscoroutinefunction(receiver):
        asyncio = sys.modules.get("asyncio")
        try:
            _loops[_key(receiver)] = asyncio.get_running_loop() if asyncio else None
        except RuntimeError:
            _loops[_key(receiver)] = None
        if _loops[_key(receiver)] is None:
            raise ReceiverError(
                f"{receiver.__qualname__} is a coroutine function: connect it while the event loop that shall run it is "
                "running (for instance in the application's start-up hook)"
            )
