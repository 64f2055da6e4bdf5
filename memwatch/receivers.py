"""What happens at events and ticks, as far as somebody asked for it: whose rooms are not loaded take no part.

Most processes that are watched from their start have one receiver, memwatch's own, which logs leaks. They need no
signals, which bring blinker. `signals` and `crossings` enter themselves here when they are loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from .callbacks import Faults
from .internal import never_count


class Channel(Protocol):
    """An event whose receivers the program has connected."""

    def publish(self, sender: Any, value: object) -> None: ...


class TakesPart(Protocol):
    """A room that has something to do at the ticks of the default watcher."""

    def at_tick(self, sample: Any) -> Iterator[Callable[[], object]]: ...

    def begin_readings(self, anew: bool) -> None: ...


EVENTS: dict[str, Channel] = {}
"""The events by name, once the signals are loaded."""

ROOMS: list[TakesPart] = []

_own: list[tuple[str, Callable[[Any], object]]] = []
_faults = Faults("memwatch's own receiver", traceback=True)
never_count(EVENTS, ROOMS, _own)


class Hook:
    """What happens when a receiver is connected, as the default watcher has put it here."""

    first: Callable[[], object] = staticmethod(lambda: None)


def connect(event: str, handler: Callable[[Any], object]) -> None:
    """Call *handler*, which is memwatch's own, with the value of every *event*, before the program's receivers."""
    _own.append((event, handler))


def disconnect(event: str, handler: Callable[[Any], object]) -> None:
    """Stop that; nothing happens if it was not connected."""
    _own[:] = [other for other in _own if other != (event, handler)]


def publish(event: str, sender: Any, value: object) -> None:
    """Call all who want to know; whatever one of them raises is logged, the first time, and goes no further."""
    for name, handler in tuple(_own):
        if name == event:
            try:
                handler(value)
            except BaseException as error:
                _faults.tell(handler, error)
    if event in EVENTS:
        EVENTS[event].publish(sender, value)


def at_tick(sample: Any) -> Iterator[Callable[[], object]]:
    """A call for each who has something to do at *sample*."""
    for room in tuple(ROOMS):
        yield from room.at_tick(sample)


def begin_readings(anew: bool) -> None:
    """There were none for a while, or, *anew*, none in this process."""
    for room in tuple(ROOMS):
        room.begin_readings(anew)
